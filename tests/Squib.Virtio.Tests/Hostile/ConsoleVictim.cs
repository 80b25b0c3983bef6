using Squib.Virtio.Devices.Console;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

internal sealed class ConsoleVictim : Victim
{
    private const int Transmit = 1;
    private const int Told = 2;
    private const int Heard = 3;
    private const int OtherReceive = 4;
    private const byte DeviceReady = 0;
    private const byte PortReady = 3;
    private const byte PortOpen = 6;

    private readonly ConsoleDevice device;
    private readonly ConsolePort? other;

    public ConsoleVictim(int ports)
    {
        device = new(Stream.Null, new() { MaxPorts = ports });
        if (ports > 1) other = device.AddPort(new() { Output = Stream.Null, Name = "other" });
    }

    public override IVirtioDevice Device => device;

    public override void Begin(HostileBench bench)
    {
        if (other is null) return;
        Say(bench, 0, DeviceReady);
        // PORT_ADD for both; then CONSOLE_PORT, PORT_OPEN and RESIZE for the first, PORT_NAME and PORT_OPEN for the other.
        Hear(bench, 2);
        for (uint port = 0; port < 2; port++) Say(bench, port, PortReady);
        Hear(bench, 5);
        for (uint port = 0; port < 2; port++) Say(bench, port, PortOpen);
    }

    public override void Stimulate(HostileBench bench, int queue)
    {
        if (queue == 0) Assert.True(device.WriteInputAsync("x"u8.ToArray()).IsCompleted);
        else if (queue == OtherReceive) Assert.True(other!.WriteInputAsync("x"u8.ToArray()).IsCompleted);
        else if (queue == Told) device.Resize(100, 50);
    }

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        if (queue is 0 or OtherReceive) return new(1, 16, Raw.Out(at, 16));
        if (queue == Told) return new(8, 256, Raw.Out(at, 256));
        bench.Write(at, new byte[8]);
        return new(0, 0, Raw.In(at, queue == Heard ? 8u : 2));
    }

    private static void Say(HostileBench bench, uint port, byte what)
    {
        ulong at = HostileBench.Scratch + 0x800;
        bench.Write(at, [(byte)port, 0, 0, 0, what, 0, 1, 0]);
        bench.Exchange(Heard, Raw.In(at, 8));
    }

    private static void Hear(HostileBench bench, int messages)
    {
        for (int i = 0; i < messages; i++) bench.Exchange(Told, Raw.Out(HostileBench.Scratch + 0x900, 256));
    }
}
