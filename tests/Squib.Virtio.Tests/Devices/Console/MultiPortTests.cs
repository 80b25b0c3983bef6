using System.Buffers.Binary;
using System.Text;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Console;

/// <summary>Several ports and the messages about them.</summary>
public sealed class MultiPortTests : IAsyncDisposable
{
    private const int Ports = 3;
    private const ushort DeviceReady = 0;
    private const ushort PortAdd = 1;
    private const ushort PortRemove = 2;
    private const ushort PortReady = 3;
    private const ushort ConsolePortEvent = 4;
    private const ushort Resize = 5;
    private const ushort PortOpen = 6;
    private const ushort PortName = 7;

    private readonly TestStream output = new();
    private readonly TestStream second = new();
    private readonly ConsoleDevice device;
    private readonly GuestDriver driver;

    public MultiPortTests()
    {
        device = new(output, new() { MaxPorts = Ports });
        (driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        for (int i = 0; i < 16; i++) driver.Queues[2].Add([], [256]);
        driver.Queues[2].Kick();
    }

    public async ValueTask DisposeAsync()
    {
        await output.DisposeAsync();
        await second.DisposeAsync();
    }

    [Fact]
    [Trait("Row", "CON-D01")]
    public void Each_port_has_its_pair_of_queues()
    {
        Assert.Equal((2 * Ports) + 2, driver.Queues.Count);
        Assert.Equal([Ports, 0, 0, 0], driver.ReadConfig(4, 4));
        Assert.NotEqual(0u, device.Features & ConsoleFeature.MultiPort);
        (GuestDriver plain, _, _) = GuestDriver.Attach(new ConsoleDevice(second, new() { MaxPorts = 2 }));
        plain.Start(~ConsoleFeature.MultiPort);
        plain.Queues[1].Submit(["one port"u8.ToArray()]);
        Assert.Equal("one port", second.Text);
    }

    [Fact]
    [Trait("Row", "CON-D03")]
    [Trait("Row", "CON-D04")]
    public void Ports_are_introduced_step_by_step()
    {
        device.AddPort(new() { Output = second, Name = "org.example.dräht" });
        Assert.Empty(Messages());
        Say(0, DeviceReady, 1);
        Assert.Equal([new(0, PortAdd, 0), new(1, PortAdd, 0)], Messages());
        Say(0, PortReady, 1);
        Assert.Equal(
            [new(0, ConsolePortEvent, 1), new(0, PortOpen, 1), new(0, Resize, 0, [80, 0, 25, 0])],
            Messages());
        Say(1, PortReady, 1);
        byte[] name = Encoding.UTF8.GetBytes("org.example.dräht");
        Assert.Equal([new(1, PortName, 1, name), new(1, PortOpen, 1)], Messages());
    }

    [Fact]
    [Trait("Row", "CON-06")]
    [Trait("Row", "CON-07")]
    public void Several_ports_may_be_consoles()
    {
        device.AddPort(new() { Output = second, IsConsole = true });
        device.AddPort(new() { Output = second });
        Say(0, DeviceReady, 1);
        for (uint port = 0; port < Ports; port++) Say(port, PortReady, 1);
        List<Heard> messages = Messages();
        Assert.Equal([0u, 1u, 2u], messages.Where(message => message.What == PortAdd).Select(message => message.Port));
        Assert.Equal([0u, 1u], messages.Where(message => message.What == ConsolePortEvent).Select(message => message.Port));
    }

    [Fact]
    public async Task A_port_echoes_once_the_guest_has_opened_it()
    {
        ConsolePort port = Introduce(new() { Output = second, Name = "echo" });
        await port.WriteInputAsync("ping"u8.ToArray(), TestContext.Current.CancellationToken);
        driver.Queues[4].Submit([], [64]);
        Assert.Empty(driver.Queues[4].Reap());
        Assert.False(port.IsGuestOpen);
        Say(1, PortOpen, 1);
        Assert.True(port.IsGuestOpen);
        Assert.Equal("ping"u8.ToArray(), Assert.Single(driver.Queues[4].Reap()).Written);
        driver.Queues[5].Submit(["pong"u8.ToArray()]);
        Assert.Equal("pong", second.Text);
        Assert.Equal("", output.Text);
        Say(1, PortOpen, 0);
        await port.WriteInputAsync("later"u8.ToArray(), TestContext.Current.CancellationToken);
        driver.Queues[4].Submit([], [64]);
        Assert.Empty(driver.Queues[4].Reap());
    }

    [Fact]
    [Trait("Row", "CON-03")]
    [Trait("Row", "CON-04")]
    [Trait("Row", "CON-05")]
    public void Ports_come_and_go_while_the_guest_runs()
    {
        ConsolePort first = Introduce(new() { Output = second });
        Assert.Equal(1, first.Id);
        ConsolePort other = device.AddPort(new() { Output = second });
        Assert.Equal([new(2, PortAdd, 0)], Messages());
        Assert.Throws<InvalidOperationException>(() => device.AddPort(new() { Output = second }));
        device.RemovePort(first);
        Assert.Equal([new(1, PortRemove, 0)], Messages());
        Assert.Throws<ArgumentException>("port", () => device.RemovePort(first));
        Assert.Throws<ArgumentException>("port", () => device.RemovePort(device.Primary));
        Assert.Empty(Messages());
        Assert.Equal([device.Primary, other], device.Ports);
        Assert.Equal(1, device.AddPort(new() { Output = second }).Id);
        Assert.Equal([new(1, PortAdd, 0)], Messages());
    }

    [Fact]
    [Trait("Row", "CON-03")]
    public void A_port_replaced_while_nobody_listened_is_removed_before_it_is_added()
    {
        Say(0, DeviceReady, 1);
        ConsolePort first = device.AddPort(new() { Output = second });
        _ = Messages();
        while (driver.Queues[2].InFlight > 0)
        {
            // Use the buffers up: open and close until none is left.
            Say(0, PortReady, 1);
            device.Resize(90, 30);
            foreach (UsedBuffer unused in driver.Queues[2].Reap()) Assert.NotEqual(0u, unused.Length);
        }

        device.RemovePort(first);
        ConsolePort next = device.AddPort(new() { Output = second });
        device.RemovePort(next);
        device.AddPort(new() { Output = second });
        for (int i = 0; i < 8; i++) driver.Queues[2].Add([], [256]);
        driver.Queues[2].Kick();
        Assert.Equal([new(1, PortRemove, 0), new(1, PortAdd, 0)], Messages().Where(m => m.Port == 1));
    }

    [Fact]
    public async Task A_removed_port_turns_writers_away()
    {
        ConsolePort port = Introduce(new() { Output = second });
        Task waiting = port.WriteInputAsync(new byte[100_000], TestContext.Current.CancellationToken).AsTask();
        Assert.False(waiting.IsCompleted);
        device.RemovePort(port);
        await Assert.ThrowsAsync<InvalidOperationException>(() => waiting);
        driver.Queues[5].Submit(["nobody"u8.ToArray()]);
        Assert.Equal(0u, Assert.Single(driver.Queues[5].Reap()).Length);
        Assert.Equal("", second.Text);
    }

    [Fact]
    [Trait("Row", "CON-D04")]
    public void The_host_opens_closes_and_resizes_a_port()
    {
        ConsolePort port = Introduce(new() { Output = second, IsConsole = true });
        port.SetHostOpen(false);
        port.SetHostOpen(false);
        Assert.Equal([new(1, PortOpen, 0)], Messages());
        port.SetHostOpen(true);
        port.Resize(132, 43);
        Assert.Equal([new(1, PortOpen, 1), new(1, Resize, 0, [132, 0, 43, 0])], Messages());
        device.Resize(90, 30);
        Assert.Equal([90, 0, 30, 0], driver.ReadConfig(0, 4));
    }

    [Fact]
    [Trait("Case", "C06")]
    public void C06_Messages_without_sense_are_ignored_and_counted()
    {
        Say(0, DeviceReady, 1);
        _ = Messages();
        driver.Queues[3].Submit([new byte[7]]);
        Assert.Equal(0u, Assert.Single(driver.Queues[3].Reap()).Length);
        Say(Ports, PortReady, 1);
        Say(uint.MaxValue, PortOpen, 1);
        Say(0, 0xffff, 1);
        Say(0, PortAdd, 1);
        Say(1, PortReady, 1);
        Say(0, DeviceReady, 1);
        Say(0, PortOpen, 7);
        Say(0, PortReady, 9);
        driver.Queues[3].Submit([], [8]);
        Assert.Equal(0u, Assert.Single(driver.Queues[3].Reap()).Length);
        Assert.Equal(10, device.IgnoredMessages);
        Assert.Empty(Messages());
        Say(0, PortReady, 1);
        Assert.Equal(3, Messages().Count);
        Say(0, PortReady, 1);
        Assert.Empty(Messages());
        Assert.Equal(11, device.IgnoredMessages);
        Assert.False(driver.Status.HasFlag(DeviceStatus.NeedsReset));
    }

    [Fact]
    [Trait("Case", "C06")]
    public void C06_Only_0_and_1_are_answers_of_a_driver()
    {
        Say(0, DeviceReady, 2);
        Assert.Equal(1, device.IgnoredMessages);
        Assert.Empty(Messages());
        Say(0, DeviceReady, 1);
        Assert.Equal([new(0, PortAdd, 0)], Messages());
        // The driver cannot serve the port: it hears no more of it, and may say so again or change its mind.
        Say(0, PortReady, 0);
        Say(0, PortReady, 0);
        Assert.Equal(1, device.IgnoredMessages);
        Assert.Empty(Messages());
        Say(0, PortReady, 1);
        Assert.NotEmpty(Messages());
    }

    [Fact]
    public void Port_0_and_ports_of_others_cannot_be_removed()
    {
        ConsolePort added = device.AddPort(new() { Output = second });
        ConsolePort strange = new ConsoleDevice(second, new() { MaxPorts = 2 }).AddPort(new() { Output = second });
        Assert.Throws<ArgumentException>(() => device.RemovePort(device.Primary));
        Assert.Throws<ArgumentException>(() => device.RemovePort(strange));
        device.RemovePort(added);
        Assert.Throws<ArgumentException>(() => device.RemovePort(added));
        Assert.Single(device.Ports);
    }

    [Fact]
    public void A_driver_that_has_failed_hears_nothing()
    {
        Say(0, DeviceReady, 0);
        Assert.Empty(Messages());
    }

    [Fact]
    public void A_buffer_too_short_for_its_message_is_returned_empty()
    {
        ConsoleDevice other = new(second, new() { MaxPorts = 2 });
        (GuestDriver guest, _, _) = GuestDriver.Attach(other);
        guest.Start();
        for (int i = 0; i < 4; i++) guest.Queues[2].Add([], [7]);
        guest.Queues[2].Kick();
        guest.Queues[3].Submit([Message(0, DeviceReady, 1)]);
        Assert.Equal(0u, Assert.Single(guest.Queues[2].Reap()).Length);
    }

    [Fact]
    public void After_a_reset_everything_is_told_again()
    {
        ConsolePort port = Introduce(new() { Output = second });
        Say(1, PortOpen, 1);
        driver.Reset();
        Assert.False(port.IsGuestOpen);
        driver.Start();
        driver.Queues[2].Add([], [64]);
        driver.Queues[2].Submit([], [64]);
        Say(0, DeviceReady, 1);
        Assert.Equal([new(0, PortAdd, 0), new(1, PortAdd, 0)], Messages());
    }

    [Fact]
    public void A_bad_name_is_refused()
    {
        string tooLong = new('ä', 61);
        Assert.Throws<ArgumentException>("Name", () => device.AddPort(new() { Output = second, Name = tooLong }));
        Assert.Throws<ArgumentException>("Name", () => device.AddPort(new() { Output = second, Name = "a\0b" }));
        Assert.Throws<ArgumentNullException>("Output", () => device.AddPort(new() { Output = null! }));
        Assert.Single(device.Ports);
    }

    private static byte[] Message(uint port, ushort what, ushort value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, port);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), what);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), value);
        return bytes;
    }

    private void Say(uint port, ushort what, ushort value)
    {
        driver.Queues[3].Submit([Message(port, what, value)]);
        Assert.Equal(0u, Assert.Single(driver.Queues[3].Reap()).Length);
    }

    private List<Heard> Messages() =>
    [
        .. driver.Queues[2].Reap().Select(used => new Heard(
            BinaryPrimitives.ReadUInt32LittleEndian(used.Written),
            BinaryPrimitives.ReadUInt16LittleEndian(used.Written.AsSpan(4)),
            BinaryPrimitives.ReadUInt16LittleEndian(used.Written.AsSpan(6)),
            used.Written[8..])),
    ];

    private ConsolePort Introduce(ConsolePortOptions options)
    {
        Say(0, DeviceReady, 1);
        ConsolePort port = device.AddPort(options);
        Say((uint)port.Id, PortReady, 1);
        _ = Messages();
        for (int i = 0; i < 16; i++) driver.Queues[2].Add([], [256]);
        driver.Queues[2].Kick();
        return port;
    }

    /// <summary>A control message as the driver gets it.</summary>
    private sealed class Heard(uint port, ushort what, ushort value, byte[]? more = null) : IEquatable<Heard>
    {
        internal uint Port => port;

        internal ushort What => what;

        private string Text => $"port {port} event {what} value {value} {Convert.ToHexString(more ?? [])}";

        public bool Equals(Heard? other) => other is not null && Text == other.Text;

        public override bool Equals(object? obj) => Equals(obj as Heard);

        public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

        public override string ToString() => Text;
    }
}
