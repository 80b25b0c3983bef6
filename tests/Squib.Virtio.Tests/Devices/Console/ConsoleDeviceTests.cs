using System.Text;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Console;

/// <summary>One port: output, input, size, emergency writes.</summary>
public sealed class ConsoleDeviceTests : IAsyncDisposable
{
    private const uint ConfigurationChange = 2;
    private readonly TestStream output = new();

    public ValueTask DisposeAsync() => output.DisposeAsync();

    [Theory]
    [Trait("Case", "C02")]
    [InlineData(false)]
    [InlineData(true)]
    public void C02_Output_of_three_descriptors_comes_out_in_order_with_used_length_0(bool packed)
    {
        (ConsoleDevice device, GuestDriver driver) = Start(new() { RingPacked = packed });
        driver.Queues[1].Submit(["Hello"u8.ToArray(), ", world"u8.ToArray(), "\n"u8.ToArray()]);
        Assert.Equal(0u, Assert.Single(driver.Queues[1].Reap()).Length);
        Assert.Equal("Hello, world\n", output.Text);
        Assert.Equal(1, output.Flushes);
        Assert.Equal(13, device.Primary.OutputBytes);
    }

    [Fact]
    [Trait("Case", "C01")]
    public void C01_Output_that_cannot_be_read_is_returned_and_the_next_is_written()
    {
        (_, GuestDriver driver) = Start();
        DriverQueue queue = driver.Queues[1];
        queue.Add([], [16]);
        queue.Add([[]]);
        queue.Add([new DriverSegment(0x9000_0000, 16, IsWritable: false)]);
        queue.Add(["ok"u8.ToArray()]);
        queue.Kick();
        Assert.Equal([0u, 0u, 0u, 0u], queue.Reap().Select(u => u.Length));
        Assert.Equal("ok", output.Text);
    }

    [Fact]
    [Trait("Case", "C03")]
    public void C03_A_gigabyte_of_output_are_streamed_in_bounded_memory()
    {
        CountingStream counter = new();
        ConsoleDevice device = new(counter);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverSegment same = new(0x8010_0000, 8 << 20, IsWritable: false);
        DriverSegment[] segments = [.. Enumerable.Repeat(same, 128)];
        long before = GC.GetAllocatedBytesForCurrentThread();
        driver.Queues[1].Add(segments, indirect: true);
        driver.Queues[1].Kick();
        if (Optimization.IsOn) Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 65_536);
        Assert.Equal(0u, Assert.Single(driver.Queues[1].Reap()).Length);
        Assert.Equal(128L * (8 << 20), counter.Total);
    }

    [Fact]
    public void A_slow_stream_holds_the_guest_back_and_nothing_is_lost_or_out_of_order()
    {
        (_, GuestDriver driver) = Start(options: new() { OutputBufferBytes = 64 });
        DriverQueue queue = driver.Queues[1];
        output.Hold();
        byte[] sent = Pattern(1000);
        for (int i = 0; i < 10; i++) queue.Submit([sent[(i * 100)..((i + 1) * 100)]]);
        Assert.Empty(queue.Reap());
        output.Release();
        Assert.True(SpinWait.SpinUntil(() => output.Length == 1000, TimeSpan.FromSeconds(10)));
        Assert.Equal(sent, output.Bytes);
        int reaped = 0;
        Assert.True(SpinWait.SpinUntil(() => (reaped += queue.Reap().Count) == 10, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void A_reset_does_not_wait_for_a_stream()
    {
        (_, GuestDriver driver) = Start(options: new() { OutputBufferBytes = 8 });
        output.Hold();
        driver.Queues[1].Submit(["0123456789"u8.ToArray()]);
        driver.Reset();
        Assert.Equal(DeviceStatus.None, driver.Status);
        output.Release();
        Assert.True(SpinWait.SpinUntil(() => output.Length == 8, TimeSpan.FromSeconds(10)));
        driver.Start();
        driver.Queues[1].Submit(["again"u8.ToArray()]);
        Assert.True(SpinWait.SpinUntil(() => output.Text == "01234567again", TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Draining_waits_for_the_stream()
    {
        (ConsoleDevice device, GuestDriver driver) = Start();
        await device.DrainAsync(TestContext.Current.CancellationToken);
        output.Hold();
        driver.Queues[1].Submit(["last words"u8.ToArray()]);
        Task drained = device.DrainAsync(TestContext.Current.CancellationToken);
        Assert.False(drained.IsCompleted);
        output.Release();
        await drained;
        Assert.Equal("last words", output.Text);
    }

    [Fact]
    [Trait("Case", "H20")]
    public void H20_A_broken_stream_costs_its_bytes_and_is_tried_again_later()
    {
        ManualTime time = new();
        (ConsoleDevice device, GuestDriver driver) = Start(options: new() { Time = time });
        output.Fails = true;
        for (int i = 0; i < 100; i++)
        {
            driver.Queues[1].Submit(["lost"u8.ToArray()]);
            Assert.Single(driver.Queues[1].Reap());
        }

        Assert.Equal(400, device.Primary.DroppedBytes);
        Assert.Equal(1, output.Writes);
        output.Fails = false;
        time.Advance(TimeSpan.FromSeconds(1));
        driver.Queues[1].Submit(["kept"u8.ToArray()]);
        Assert.Equal("kept", output.Text);
        Assert.Equal(4, device.Primary.OutputBytes);
    }

    [Fact]
    [Trait("Case", "H20")]
    public void H20_A_stream_that_cannot_be_flushed_is_broken_until_it_is_tried_again()
    {
        ManualTime time = new();
        (ConsoleDevice device, GuestDriver driver) = Start(options: new() { Time = time });
        output.FlushFails = true;
        foreach (string text in (string[])["taken", "lost"])
        {
            driver.Queues[1].Submit([System.Text.Encoding.ASCII.GetBytes(text)]);
            Assert.Single(driver.Queues[1].Reap());
        }

        Assert.Equal("taken", output.Text);
        Assert.Equal(4, device.Primary.DroppedBytes);
        output.FlushFails = false;
        time.Advance(TimeSpan.FromSeconds(1));
        driver.Queues[1].Submit([" again"u8.ToArray()]);
        Assert.Equal("taken again", output.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Input_reaches_the_buffers_of_the_guest(bool inputFirst)
    {
        (ConsoleDevice device, GuestDriver driver) = Start();
        if (inputFirst) await device.WriteInputAsync("typed"u8.ToArray(), TestContext.Current.CancellationToken);
        driver.Queues[0].Submit([], [3]);
        driver.Queues[0].Submit([], [100]);
        if (!inputFirst) await device.WriteInputAsync("typed"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal(["typ", "ed"], driver.Queues[0].Reap().Select(u => Encoding.ASCII.GetString(u.Written)));
        Assert.Equal(5, device.Primary.InputBytes);
    }

    [Fact]
    [Trait("Case", "C04")]
    public async Task C04_Input_is_exact_in_buffers_of_one_byte()
    {
        (ConsoleDevice device, GuestDriver driver) = Start();
        byte[] sent = Pattern(65_536);
        Task writing = device.WriteInputAsync(sent, TestContext.Current.CancellationToken).AsTask();
        List<byte> received = [];
        while (received.Count < sent.Length)
        {
            if (driver.Queues[0].InFlight == 0)
            {
                for (int i = 0; i < 64; i++) driver.Queues[0].Add([], [1]);
                driver.Queues[0].Kick();
            }

            foreach (UsedBuffer used in driver.Queues[0].Reap()) received.AddRange(used.Written);
            await Task.Yield();
        }

        await writing;
        Assert.Equal(sent, received);
    }

    [Fact]
    [Trait("Case", "C05")]
    public async Task C05_A_paste_of_100_MiB_waits_in_the_host_and_memory_does_not_grow()
    {
        (ConsoleDevice device, GuestDriver driver) = Start(options: new() { InputBufferBytes = 4096 });
        byte[] paste = new byte[100 << 20];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Task writing = device.WriteInputAsync(paste, TestContext.Current.CancellationToken).AsTask();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 65_536);
        Assert.False(writing.IsCompleted);
        int received = 0;
        for (int i = 0; i < 10; i++)
        {
            driver.Queues[0].Submit([], [1 << 20]);
            UsedBuffer? used = null;
            Assert.True(SpinWait.SpinUntil(() => driver.Queues[0].TryReap(out used), TimeSpan.FromSeconds(10)));
            received += (int)used!.Length;
        }

        Assert.InRange(received, 10, 10 << 20);
        Assert.False(writing.IsCompleted);
    }

    [Fact]
    public async Task Waiting_for_the_guest_can_be_given_up()
    {
        (ConsoleDevice device, GuestDriver driver) = Start(options: new() { InputBufferBytes = 4 });
        using CancellationTokenSource cancel = new();
        Task writing = device.WriteInputAsync("abcdef"u8.ToArray(), cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
        driver.Queues[0].Submit([], [100]);
        Assert.Equal("abcd", Encoding.ASCII.GetString(Assert.Single(driver.Queues[0].Reap()).Written));
        await device.WriteInputAsync("gh"u8.ToArray(), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Input_survives_a_reset()
    {
        (ConsoleDevice device, GuestDriver driver) = Start();
        driver.Queues[0].Submit([], [2]);
        await device.WriteInputAsync("abcd"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal("ab"u8.ToArray(), Assert.Single(driver.Queues[0].Reap()).Written);
        driver.Reset();
        driver.Start();
        driver.Queues[0].Submit([], [10]);
        Assert.Equal("cd"u8.ToArray(), Assert.Single(driver.Queues[0].Reap()).Written);
    }

    [Fact]
    [Trait("Row", "CON-D02")]
    public void A_new_window_size_reaches_the_driver()
    {
        (ConsoleDevice device, GuestDriver driver) = Start(options: new() { Columns = 100, Rows = 40 });
        Assert.Equal([100, 0, 40, 0], driver.ReadConfig(0, 4));
        device.Resize(300, 50);
        Assert.Equal(ConfigurationChange, driver.HandleInterrupt());
        Assert.Equal([44, 1, 50, 0], driver.ReadConfig(0, 4));
    }

    [Fact]
    public void The_driver_hears_of_the_window_size_once_it_has_the_terminal()
    {
        (_, GuestDriver driver) = Start();
        Assert.Equal(0u, driver.HandleInterrupt() & ConfigurationChange);
        driver.Queues[1].Submit(["login: "u8.ToArray()]);
        Assert.Equal(ConfigurationChange, driver.HandleInterrupt() & ConfigurationChange);
        driver.Queues[1].Submit(["again"u8.ToArray()]);
        Assert.Equal(0u, driver.HandleInterrupt() & ConfigurationChange);
    }

    [Fact]
    [Trait("Row", "CON-01")]
    [Trait("Row", "CON-02")]
    public void An_emergency_write_comes_out_before_the_device_is_set_up()
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(new ConsoleDevice(output));
        driver.Reset();
        driver.WriteConfig(8, 0x41, 0x56, 0x34, 0x12);
        Assert.Equal("A", output.Text);
        driver.Start();
        driver.WriteConfig(8, (byte)'B', 0, 0, 0);
        driver.WriteConfig(8, (byte)'C', 0);
        driver.WriteConfig(8, (byte)'D');
        Assert.Equal("ABCD", output.Text);
    }

    [Fact]
    [Trait("Case", "C07")]
    public void C07_A_million_emergency_writes_are_limited_to_some_thousands_a_second()
    {
        ManualTime time = new();
        ConsoleDevice device = new(output, new() { Time = time });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        for (int i = 0; i < 1_000_000; i++) driver.WriteConfig(8, (byte)'x', 0, 0, 0);
        Assert.Equal(ConsoleDevice.EmergencyBytesPerSecond, output.Length);
        Assert.Equal(1_000_000 - ConsoleDevice.EmergencyBytesPerSecond, device.EmergencyDropped);
        time.Advance(TimeSpan.FromSeconds(1));
        driver.WriteConfig(8, (byte)'y', 0, 0, 0);
        Assert.EndsWith("xy", output.Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "C07")]
    public void C07_Without_the_feature_emergency_writes_are_ignored()
    {
        ConsoleDevice device = new(output, new() { EmergencyWrite = false });
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.WriteConfig(8, (byte)'x', 0, 0, 0);
        Assert.Equal(0, output.Length);
        Assert.Equal(4, device.Config.RefusedWrites);
        Assert.Equal(0u, device.Features & ConsoleFeature.EmergencyWrite);
    }

    [Fact]
    [Trait("Row", "CON-D01")]
    public void There_are_two_queues_without_MULTIPORT()
    {
        ConsoleDevice device = new(output);
        Assert.Equal(2, device.QueueSizes.Count);
        Assert.Equal(ConsoleFeature.Size | ConsoleFeature.EmergencyWrite, device.Features);
        Assert.Throws<InvalidOperationException>(() => device.AddPort(new() { Output = output }));
    }

    [Fact]
    public void Output_allocates_nothing()
    {
        ConsoleDevice device = new(new CountingStream());
        (GuestDriver driver, _, _) = GuestDriver.Attach(device);
        driver.Start();
        DriverQueue queue = driver.Queues[1];
        long least = long.MaxValue;
        for (int round = 0; round < 40; round++)
        {
            for (int i = 0; i < 32; i++) queue.Add([new byte[80]]);
            queue.Publish();
            long before = GC.GetAllocatedBytesForCurrentThread();
            queue.Notify();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(32, queue.Reap().Count);
        }

        if (Optimization.IsOn) Assert.Equal(0, least);
        Assert.Equal(40 * 32 * 80, device.Primary.OutputBytes);
    }

    [Fact]
    public void Options_out_of_their_limits_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => new ConsoleDevice(null!));
        Refuse("MaxPorts", new() { MaxPorts = 0 });
        Refuse("MaxPorts", new() { MaxPorts = 32 });
        Refuse("InputBufferBytes", new() { InputBufferBytes = 0 });
        Refuse("OutputBufferBytes", new() { OutputBufferBytes = -1 });
        void Refuse(string name, ConsoleOptions options) =>
            Assert.Throws<ArgumentOutOfRangeException>(name, () => new ConsoleDevice(output, options));
    }

    internal static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private (ConsoleDevice Device, GuestDriver Driver) Start(
        TransportOptions? transport = null, ConsoleOptions? options = null)
    {
        ConsoleDevice device = new(output, options);
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, transport);
        driver.Start();
        return (device, driver);
    }

    /// <summary>A stream that only counts.</summary>
    private sealed class CountingStream : Stream
    {
        internal long Total { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Total;

        public override long Position { get => Total; set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Total += buffer.Length;
            return ValueTask.CompletedTask;
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
