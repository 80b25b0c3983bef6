using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Tests.Devices.Vsock;
using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>A socket device with one connection, on which the guest sends packets of 64 bytes.</summary>
internal sealed class VsockTalk : Victim
{
    public const int Transmit = 1;
    private const int Receive = 0;
    private const uint Port = 5;

    private readonly VsockListener listener;
    private VsockStream? stream;

    public VsockTalk() => listener = Device.Listen(Port);

    public override VsockDevice Device { get; } = new();

    /// <summary>Reads once.</summary>
    /// <returns>The number of bytes that have come.</returns>
    public int CountReceived()
    {
        ValueTask<int> read = stream!.ReadAsync(new byte[100_000]);
        return read.IsCompletedSuccessfully ? read.GetAwaiter().GetResult() : 0;
    }

    public override void Begin(HostileBench bench)
    {
        ulong at = HostileBench.Scratch + 0x800;
        bench.Write(at, new WirePacket(Op.Request, 1, Port, []).Header());
        bench.Exchange(Transmit, Raw.In(at, 44));
        ValueTask<VsockStream> accepted = listener.AcceptAsync();
        Assert.True(accepted.IsCompleted);
        stream = accepted.GetAwaiter().GetResult();
        bench.Exchange(Receive, Raw.Out(at, 64));
    }

    public override Ask Ask(HostileBench bench, int queue, ulong at)
    {
        bench.Write(at, new WirePacket(Op.Rw, 1, Port, new byte[64]).Header());
        return new(0, 0, Raw.In(at, 44), Raw.In(at + 44, 64));
    }
}
