using System.Buffers.Binary;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Devices.Vsock;
using Squib.Virtio.Tests.Transport;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Diagnostics;

/// <summary>A host that fails is told of in the log, and a guest that makes it fail again and again does not fill it.</summary>
public sealed class HostFailureLogTests
{
    private const int LinesAtOnce = 5;

    private readonly RecordingLogger logger = new();

    [Theory, InlineData(0u, "read"), InlineData(1u, "write"), InlineData(4u, "flush")]
    public void A_disk_that_fails_is_logged_a_few_times_and_the_guest_goes_on(uint type, string operation)
    {
        FaultPlan plan = FaultPlan.Always(HostFault.NoSpace);
        BlockDevice disk = new(new FaultyBlockBackend(1 << 20, plan));
        GuestDriver driver = Start(disk);
        for (int i = 0; i < 100; i++) Assert.Equal(1, Ask(driver, type, sector: 0));
        AssertLines($"name 5: {operation} failed on the host; the guest has been told and goes on.");
        Assert.Equal(100, disk.Counters.Failed);
        plan.SetOtherwise(HostFault.None);
        Assert.Equal(0, Ask(driver, type, sector: 0));
    }

    [Fact]
    public void What_is_the_guests_own_mistake_is_no_failure_of_the_host()
    {
        GuestDriver driver = Start(new BlockDevice(new MemoryBlockBackend(new byte[1 << 20])));
        Assert.Equal(1, Ask(driver, 0, sector: 1 << 30));
        Assert.Equal(1, Ask(driver, 1, sector: 1 << 30));
        Assert.Equal(2, Ask(driver, 99, sector: 0));
        Assert.Empty(logger.Entries);
    }

    [Fact]
    public void A_request_that_a_reset_cancels_is_no_failure_of_the_host()
    {
        GuestDriver driver = Start(new BlockDevice(new WaitingBackend()));
        driver.Queues[0].Submit([new byte[16]], [512, 1]);
        Assert.Empty(driver.Queues[0].Reap());
        driver.Reset();
        Assert.Equal(DeviceStatus.None, driver.Status);

        PmemDevice pmem = new(new WaitingBackend(), new() { Address = 0x2_0000_0000, Length = 2 << 20 });
        driver = Start(pmem);
        driver.Queues[0].Submit([new byte[4]], [4]);
        driver.Reset();
        Assert.Equal(DeviceStatus.None, driver.Status);
        Assert.Equal(0, pmem.Counters.Failures);
        Assert.Empty(logger.Entries);
    }

    [Fact]
    public void A_flush_of_persistent_memory_that_fails_is_logged()
    {
        FaultyPmemBackend backend = new(FaultPlan.Always(HostFault.IoError));
        GuestDriver driver = Start(new PmemDevice(backend, new() { Address = 0x2_0000_0000, Length = 2 << 20 }));
        for (int i = 0; i < 100; i++) Submit(driver.Queues[0], [new byte[4]], [4]);
        AssertLines("name 5: flush failed on the host; the guest has been told and goes on.");
    }

    [Fact]
    public void A_source_of_entropy_that_fails_is_logged()
    {
        GuestDriver driver = Start(new RngDevice(new() { Source = _ => throw new IOException("It is gone.") }));
        for (int i = 0; i < 100; i++) Submit(driver.Queues[0], [], [8]);
        AssertLines("name 5: the source failed on the host; the guest has been told and goes on.");
    }

    [Fact]
    public void A_stream_of_a_console_that_fails_is_logged_once_for_each_failure()
    {
        GuestDriver driver = Start(new ConsoleDevice(new FaultyStream(FaultPlan.Always(HostFault.IoError))));
        for (int i = 0; i < 100; i++) Submit(driver.Queues[1], ["hello"u8.ToArray()], []);
        (int id, string text) = Assert.Single(logger.Entries);
        Assert.Equal((105, "name 5: the stream of port 0 failed on the host; the guest has been told and goes on."), (id, text));
    }

    [Fact]
    public void A_cable_that_is_pulled_out_is_logged()
    {
        FaultyNetBackend cable = new();
        Start(new NetDevice(cable));
        for (int i = 0; i < 100; i++)
        {
            cable.SetCable(false);
            cable.SetCable(true);
        }

        AssertLines("name 5: the cable failed on the host; the guest has been told and goes on.");
    }

    [Fact]
    public void An_owner_of_memory_that_fails_is_logged()
    {
        FaultyMemory owner = new(16 << 20, FaultPlan.Always(HostFault.IoError));
        GuestDriver driver = Start(new BalloonDevice([new(0x8000_0000, owner)]));
        for (uint page = 0; page < 100; page++) Submit(driver.Queues[0], [BitConverter.GetBytes(0x8_0100 + page)], []);
        AssertLines("name 5: the return of pages failed on the host; the guest has been told and goes on.");
    }

    [Fact]
    public void A_backend_of_plugged_memory_that_fails_is_logged()
    {
        MemDevice device = new(
            new FaultyMemory(64 << 20, FaultPlan.Always(HostFault.IoError)),
            new() { Address = 0x1_0000_0000, RegionBytes = 64 << 20, RequestedBytes = 64 << 20 });
        GuestDriver driver = Start(device);
        byte[] plug = new byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(plug.AsSpan(8), 0x1_0000_0000);
        plug[16] = 1;
        for (int i = 0; i < 100; i++) Submit(driver.Queues[0], [plug], [10]);
        AssertLines("name 5: a change of blocks failed on the host; the guest has been told and goes on.");
        Assert.Equal(100, device.Counters.Busy);
    }

    [Fact]
    public async Task A_backend_of_sockets_that_fails_is_logged()
    {
        await using VsockGuest guest = VsockGuest.Start(logger: logger);
        guest.Device.Backend = new FailingSockets();
        for (uint port = 0; port < 100; port++)
        {
            guest.Send(Op.Request, port, 9);
            Assert.Equal(Op.Rst, guest.ReceiveOne().Op);
        }

        Assert.Equal(LinesAtOnce, logger.Entries.Count);
        Assert.All(logger.Entries, entry => Assert.Equal(105, entry.Id));
        Assert.Equal(100, guest.Device.Counters.Refused);
    }

    private static void Submit(DriverQueue queue, byte[][] readable, int[] writable)
    {
        queue.Submit(readable, writable);
        Assert.Single(queue.Reap());
    }

    private static byte Ask(GuestDriver driver, uint type, ulong sector)
    {
        byte[] header = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(8), sector);
        if (type == 1) driver.Queues[0].Submit([header, new byte[512]], [1]);
        else if (type == 0) driver.Queues[0].Submit([header], [512, 1]);
        else driver.Queues[0].Submit([header], [1]);
        // The status is the last byte, and not counted as used where data before it is missing.
        DriverSegment last = Assert.Single(driver.Queues[0].Reap()).Segments[^1];
        byte[] status = new byte[1];
        Assert.True(driver.Memory.TryRead(last.Address + (ulong)last.Length - 1, status));
        return status[0];
    }

    private void AssertLines(string text)
    {
        Assert.Equal(LinesAtOnce, logger.Entries.Count);
        Assert.All(logger.Entries, entry => Assert.Equal((105, text), entry));
    }

    private GuestDriver Start(IVirtioDevice device)
    {
        GuestMemory memory = new(new GuestRegion(0x8000_0000, new byte[16 << 20]));
        TransportOptions options = new() { Name = "name 5", Time = new ManualTime() };
        VirtioMmioTransport transport = new(device, memory, new IrqLine(new RecordingGic(), new Slot(0).Interrupt), options, logger);
        GuestDriver driver = new(transport, memory);
        driver.Start();
        return driver;
    }

    private sealed class FailingSockets : IVsockBackend
    {
        public void Connect(VsockRequest request) => throw new IOException("It is gone.");
    }

    /// <summary>Waits until it is cancelled, and says so as .NET does.</summary>
    private sealed class WaitingBackend : IBlockBackend, IPmemBackend
    {
        public long Length => 1 << 20;

        public bool ReadOnly => false;

        public bool CanUnmap => false;

        public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset) => WaitAsync(reset);

        public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset) => WaitAsync(reset);

        public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => WaitAsync(reset);

        public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) => WaitAsync(reset);

        public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset) => WaitAsync(reset);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        async ValueTask IPmemBackend.FlushAsync(CancellationToken cancel) => await WaitAsync(cancel);

        private static async ValueTask<BlockStatus> WaitAsync(CancellationToken cancel)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancel);
            return BlockStatus.Ok;
        }
    }
}
