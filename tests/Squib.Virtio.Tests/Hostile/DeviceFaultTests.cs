using System.Net.Sockets;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices.Vsock;
using Squib.Virtio.Tests.Queues;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>Hosts that fail under network, socket, console and memory devices.</summary>
public sealed class DeviceFaultTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Case", "H13")]
    public void H13_A_cable_that_is_gone_shows_as_a_link_that_is_down_and_frames_are_dropped_and_counted()
    {
        FaultyNetBackend cable = new();
        NetDevice device = new(cable);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        driver.HandleInterrupt();
        cable.SetCable(false);
        Assert.Equal(2u, driver.HandleInterrupt());
        Assert.Equal(0, driver.ReadConfig(6, 2)[0] & 1);
        DriverQueue transmit = driver.Queues[1];
        for (int i = 0; i < 50; i++) transmit.Submit([new byte[12 + 60]]);
        Assert.Equal(50, transmit.Reap().Count);
        Assert.Equal((50, 0), (device.Counters.SendsWithoutLink, cable.Sent.Count));
        cable.Deliver(Broadcast(60));
        Assert.Equal((1, 0), (device.Counters.ReceivesWithoutLink, cable.Waiting));
        cable.SetCable(true);
        transmit.Submit([new byte[12 + 60]]);
        Assert.Single(cable.Sent);
    }

    [Theory, InlineData(0), InlineData(1), InlineData(13), InlineData(65_551), InlineData(100_000)]
    [Trait("Case", "H14")]
    public void H14_A_frame_of_a_length_that_no_frame_has_is_dropped_and_uses_no_buffer(int length)
    {
        FaultyNetBackend cable = new();
        NetDevice device = new(cable);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverQueue receive = driver.Queues[0];
        receive.Submit([], [2048]);
        cable.Deliver(new byte[length]);
        Assert.Empty(receive.Reap());
        Assert.Equal((1, 0), (device.Counters.BadLength, cable.Waiting));
        cable.Deliver(Broadcast(60));
        Assert.Equal(72u, Assert.Single(receive.Reap()).Length);
    }

    [Theory, InlineData(0xff, 0xff), InlineData(1, 0x7f), InlineData(0, 1)]
    [Trait("Case", "H14")]
    public void H14_A_frame_whose_header_makes_no_sense_is_dropped_and_uses_no_buffer(byte flags, byte gso)
    {
        FaultyNetBackend cable = new();
        NetDevice device = new(cable);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverQueue receive = driver.Queues[0];
        receive.Submit([], [2048]);
        cable.Deliver(Broadcast(60), new NetHeader(flags, gso, 0xffff, 0, 0xffff, 0xffff));
        Assert.Empty(receive.Reap());
        Assert.Equal(1, device.Counters.BadOffload);
        cable.Deliver(Broadcast(60));
        Assert.Single(receive.Reap());
    }

    [Fact]
    public void A_cable_that_takes_frames_slowly_holds_the_guest_back_and_loses_none()
    {
        FaultyNetBackend cable = new();
        (GuestDriver driver, _, _) = GuestDriver.Attach(new NetDevice(cable));
        driver.Start();
        cable.SetRoom(0);
        DriverQueue transmit = driver.Queues[1];
        for (int i = 0; i < 20; i++) transmit.Submit([new byte[12 + 60]]);
        Assert.Empty(transmit.Reap());
        for (int sent = 1; sent <= 20; sent++)
        {
            cable.SetRoom(1);
            Assert.Single(transmit.Reap());
            Assert.Equal(sent, cable.Sent.Count);
        }
    }

    [Fact]
    [Trait("Case", "H16")]
    public async Task H16_A_program_that_closes_in_the_middle_of_a_packet_resets_the_connection()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-fault-");
        string path = Path.Combine(folder.FullName, "v.sock");
        await using (VsockGuest guest = VsockGuest.Start())
        {
            await using UnixVsockBackend backend = UnixVsockBackend.Open(guest.Device, path);
            using Socket listener = Listen(path + "_5000");
            guest.Send(Op.Request, 1, 5000);
            Socket program = await listener.AcceptAsync(Stop);
            await guest.ReceiveAsync(Op.Response);
            // As much as the credit allows, of which the program reads ten kilobytes.
            guest.Send(Op.Rw, 1, 5000, new string('x', 65_536));
            byte[] buffer = new byte[10 << 10];
            int read = 0;
            while (read < buffer.Length) read += await program.ReceiveAsync(buffer.AsMemory(read), Stop);
            program.Dispose();
            // The device may find out by its next write only.
            WirePacket? reset = null;
            for (int i = 0; i < 1000 && reset is null; i++)
            {
                List<WirePacket> packets = guest.Receive();
                reset = packets.Find(packet => packet.Op is Op.Rst or Op.Shutdown);
                if (packets.Any(packet => packet.Op == Op.CreditUpdate) && reset is null) guest.Send(Op.Rw, 1, 5000, "y");
                Thread.Yield();
            }

            reset ??= await guest.ReceiveAsync(Op.Shutdown);
            if (reset.Op == Op.Shutdown) guest.Send(Op.Rst, 1, 5000);
            Assert.True(SpinWait.SpinUntil(() => guest.Device.Counters.Connections == 0, 10_000));
            // Another connection on the same ports works.
            guest.Send(Op.Request, 1, 5000);
            using Socket next = await listener.AcceptAsync(Stop);
            Assert.Equal(5000u, (await guest.ReceiveAsync(Op.Response)).SourcePort);
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    [Trait("Case", "H17")]
    public async Task H17_A_program_that_reads_slowly_stops_the_guest_by_its_credit()
    {
        const int bufferBytes = 65_536;
        await using VsockGuest guest = VsockGuest.Start(new() { BufferBytes = bufferBytes });
        using VsockListener listener = guest.Device.Listen(5000);
        await using VsockStream program = await guest.ConnectAsync(listener, guestPort: 1, cancel: Stop);
        uint sent = 0;
        uint consumed = 0;
        byte[] one = new byte[1];
        for (int round = 0; round < 20_000; round++)
        {
            // An honest guest sends all that its credit allows.
            uint room = bufferBytes - (sent - consumed);
            if (room > 0)
            {
                uint now = Math.Min(room, 4096);
                guest.Send(Op.Rw, 1, 5000, new string('x', (int)now));
                sent += now;
            }

            Assert.Equal(1, await program.ReadAsync(one, Stop));
            foreach (WirePacket packet in guest.Receive()) consumed = Math.Max(consumed, packet.Forwarded);
            Assert.InRange(sent - (uint)(round + 1), 0u, (uint)bufferBytes);
        }

        Assert.Equal(0, guest.Device.Counters.Violations);
        Assert.Equal(1, guest.Device.Counters.Connections);
    }

    [Fact]
    [Trait("Case", "H20")]
    public void H20_A_port_whose_stream_hangs_can_be_removed_and_its_place_used_by_another()
    {
        FaultyStream hanging = new(FaultPlan.Always(HostFault.Late));
        FaultyStream good = new(new());
        ConsoleDevice device = new(Stream.Null, new() { MaxPorts = 2, OutputBufferBytes = 16 });
        ConsolePort port = device.AddPort(new() { Output = hanging, Name = "hanging" });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverQueue transmit = driver.Queues[5];
        transmit.Submit(["more than the buffer of the port holds, and the stream does not take it"u8.ToArray()]);
        Assert.Empty(transmit.Reap());
        device.RemovePort(port);
        Assert.Single(transmit.Reap());
        device.AddPort(new() { Output = good, Name = "good" });
        transmit.Submit(["hello"u8.ToArray()]);
        Assert.Single(transmit.Reap());
        Assert.Equal("hello"u8.ToArray(), good.ToArray());
        hanging.Waiting.CompleteAll();
    }

    [Theory]
    [InlineData(HostFault.IoError), InlineData(HostFault.Closed), InlineData(HostFault.FailsHalfway), InlineData(HostFault.NoSpace)]
    [Trait("Case", "H20")]
    public void H20_A_stream_that_fails_costs_its_bytes_and_never_stalls_the_guest(HostFault fault)
    {
        FaultPlan plan = FaultPlan.Always(fault);
        ConsoleDevice device = new(new FaultyStream(plan), new() { OutputBufferBytes = 64 });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverQueue transmit = driver.Queues[1];
        for (int i = 0; i < 500; i++)
        {
            transmit.Submit([new byte[100]]);
            Assert.Single(transmit.Reap());
        }

        Assert.Equal(50_000, device.Primary.DroppedBytes);
        // An exception per byte would be the guest's to cause: a stream that failed is left alone for a second.
        Assert.InRange(plan.Injected, 1, 5);
    }

    [Fact]
    public void A_console_whose_stream_never_takes_anything_can_be_reset()
    {
        FaultyStream hanging = new(FaultPlan.Always(HostFault.Late));
        ConsoleDevice device = new(hanging, new() { OutputBufferBytes = 16 });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        for (int i = 0; i < 8; i++) driver.Queues[1].Submit([new byte[100]]);
        Assert.Empty(driver.Queues[1].Reap());
        driver.Reset();
        Assert.Equal(DeviceStatus.None, driver.Status);
        hanging.Waiting.CompleteAll();
    }

    [Fact]
    [Trait("Case", "H07")]
    public void A_flush_of_persistent_memory_that_is_late_or_fails_is_answered_once()
    {
        FaultPlan plan = new(HostFault.Late, HostFault.IoError);
        FaultyPmemBackend backend = new(plan);
        PmemDevice device = new(backend, new() { Address = 0x1_0000_0000, Length = 2 << 20 });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        DriverQueue queue = driver.Start()!;
        queue.Submit([new byte[4]], [4]);
        queue.Submit([new byte[4]], [4]);
        Assert.Empty(queue.Reap());
        backend.Waiting.CompleteAll();
        List<UsedBuffer> answers = queue.Reap();
        Assert.Equal([[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff]], answers.Select(answer => answer.Written));
        queue.Submit([new byte[4]], [4]);
        Assert.Equal([0, 0, 0, 0], Assert.Single(queue.Reap()).Written);
    }

    [Fact]
    public void A_balloon_counts_what_its_host_does_not_take_back()
    {
        for (int seed = 0; seed < LongRun.Rounds(20, 2000); seed++)
        {
            FaultPlan plan = FaultPlan.FromSeed(seed, 50, HostFault.IoError, HostFault.NoProgress, HostFault.Closed);
            FaultyMemory owner = new(16 << 20, plan);
            BalloonDevice device = new([new(0x8000_0000, owner)]);
            (GuestDriver driver, _, _) = GuestDriver.Attach(device);
            driver.Start();
            for (uint page = 0; page < 100; page++)
            {
                driver.Queues[0].Submit([BitConverter.GetBytes(0x8_0000 + (2 * page))]);
                Assert.Single(driver.Queues[0].Reap());
            }

            Assert.Equal(100, device.Counters.InflatedPages);
            Assert.Equal(plan.Injected, device.Counters.DiscardFailures);
            Assert.Equal(owner.Discarded, device.Counters.DiscardedBytes);
            Assert.Equal((100 - plan.Injected) * 4096, owner.Discarded);
            Assert.Equal(0, owner.OutOfRange);
        }
    }

    [Fact]
    [Trait("Case", "M06")]
    public void A_memory_device_and_its_host_agree_whatever_fails()
    {
        for (int seed = 0; seed < LongRun.Rounds(50, 5000); seed++)
        {
            FaultPlan plan = FaultPlan.FromSeed(seed, 40, HostFault.IoError, HostFault.NoProgress);
            FaultyMemory owner = new(64 << 20, plan);
            MemDevice device = new(owner, new() { Address = 0x1_0000_0000, RegionBytes = 64 << 20, RequestedBytes = 64 << 20 });
            (GuestDriver driver, _, _) = GuestDriver.Attach(device);
            DriverQueue queue = driver.Start()!;
            Random random = new(seed);
            for (int i = 0; i < 40; i++)
            {
                byte[] request = new byte[24];
                request[0] = (byte)random.Next(3);
                BitConverter.TryWriteBytes(request.AsSpan(8), 0x1_0000_0000 + (ulong)(random.Next(32) << 21));
                request[16] = (byte)random.Next(1, 8);
                long before = device.PluggedBytes;
                queue.Submit([request], [10]);
                int response = Assert.Single(queue.Reap()).Written[0];
                // 0 is ACK; all others change nothing, but for blocks that the host lost while it undid a failed UNPLUG_ALL.
                if (response != 0 && request[0] != 2) Assert.Equal(before, device.PluggedBytes);
                Assert.InRange(response, 0, 3);
            }

            Assert.Equal(0, owner.OutOfRange);
        }
    }

    private static byte[] Broadcast(int length)
    {
        byte[] frame = new byte[length];
        frame.AsSpan(0, 6).Fill(0xff);
        return frame;
    }

    private static Socket Listen(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }
}
