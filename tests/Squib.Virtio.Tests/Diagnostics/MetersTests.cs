using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Devices.BootTimer;
using Squib.Virtio.Devices.Console;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Devices.Pmem;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Queues;
using Squib.Virtio.Testing;
using Squib.Virtio.Tests.Devices;
using Squib.Virtio.Tests.Devices.Block;
using Squib.Virtio.Tests.Devices.Mem;
using Squib.Virtio.Tests.Devices.Pmem;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Diagnostics;

/// <summary>The names, units and tags of what is measured: others' dashboards depend on them.</summary>
public sealed class MetersTests
{
    // Of each device type and instrument the tag and its values; a line that is indented belongs to the one before.
    private const string Pinned = """
        balloon errors reason: bad_access bad_notification discard_failed invalid_notification invalid_page
        balloon requests operation: deflate inflate statistics
        block bytes direction: from_guest to_guest
        block errors reason: bad_access bad_notification failed invalid_notification malformed
        block requests operation: discard flush read write write_zeroes
        block throttled direction: both
        boot_timer errors reason: bad_access bad_notification invalid_notification
        console bytes direction: from_guest to_guest
        console errors reason: bad_access bad_notification emergency_dropped ignored_message invalid_notification
        console throttled direction: both
        entropy bytes direction: from_guest to_guest
        entropy errors reason: bad_access bad_notification failed invalid_notification
        entropy requests operation: fill
        entropy throttled direction: both
        mem errors reason: bad_access bad_notification busy invalid_notification malformed nonsense refused
        mem requests operation: plug state unplug
        net bytes direction: from_guest to_guest
        net errors reason: bad_access bad_buffer bad_notification failed_command invalid_notification
            receive_bad_length receive_bad_offload receive_filtered receive_no_buffer_fits
            receive_without_driver receive_without_link send_malformed send_spoofed send_without_link
        net requests operation: control receive send
        net throttled direction: from_guest to_guest
        pmem errors reason: bad_access bad_notification failed invalid_notification malformed unknown
        pmem requests operation: flush
        pmem throttled direction: both
        vsock bytes direction: from_guest to_guest
        vsock errors reason: bad_access bad_notification foreign ignored invalid_notification malformed refused short_buffer timed_out violation
        vsock requests operation: receive send
        vsock throttled direction: both
        """;

    private static string[] PinnedLines =>
        Pinned.ReplaceLineEndings("\n").Replace("\n    ", " ", StringComparison.Ordinal).Split('\n');

    [Fact]
    public void The_instruments_have_the_documented_names_and_units()
    {
        using Collected collected = new("none");
        Assert.Equal(
            [
                "squib.virtio.bytes By ObservableCounter`1",
                "squib.virtio.chains {chain} ObservableCounter`1",
                "squib.virtio.dropped_chains {chain} ObservableCounter`1",
                "squib.virtio.errors {error} ObservableCounter`1",
                "squib.virtio.interrupts {interrupt} ObservableCounter`1",
                "squib.virtio.notifications {notification} ObservableCounter`1",
                "squib.virtio.request.duration s Histogram`1",
                "squib.virtio.requests {request} ObservableCounter`1",
                "squib.virtio.suppressed_logs {line} ObservableCounter`1",
                "squib.virtio.throttled {wait} ObservableCounter`1",
            ],
            collected.Instruments.Select(one => $"{one.Name} {one.Unit} {one.GetType().Name}").Order(StringComparer.Ordinal));
        string page = File.ReadAllText(FindPage());
        Assert.All(collected.Instruments, one => Assert.Contains($"| `{one.Name}` | {one.Unit} |", page, StringComparison.Ordinal));
        foreach (string word in PinnedLines.SelectMany(line => line.Split(": ")[1].Split(' ')))
            Assert.Contains($"`{word}`", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_device_has_its_series_and_no_others()
    {
        // Whoever nobody holds is not measured.
        VirtioMmioTransport[] all = [.. AllDevices().Select((device, i) => Attach(device, $"pin {i}").Transport)];
        using Collected collected = new("pin ");
        IEnumerable<string> lines = collected.Observe().Values.Keys
            .Select(series => series.Split('{', '=', ',', '}'))
            .Where(parts => parts.Length == 6 && parts[0] is not ("chains" or "notifications" or "dropped_chains"))
            .GroupBy(parts => $"{parts[2]} {parts[0]} {parts[3]}", parts => parts[4])
            .Select(group => $"{group.Key}: {string.Join(' ', group.Order(StringComparer.Ordinal))}");
        Assert.Equal(PinnedLines, lines.Order(StringComparer.Ordinal));
        foreach (VirtioMmioTransport transport in all)
        {
            string type = $"device={Word(transport.Device.Type)}";
            string[] queues = [.. transport.Device.QueueSizes.Select((_, i) => $"{{{type},queue={i}}}")];
            Assert.Equal(queues.Order(), Series("chains", type));
            Assert.Equal(queues.Order(), Series("notifications", type));
            Assert.Equal([$"{{{type}}}"], Series("interrupts", type));
            Assert.Equal([$"{{{type}}}"], Series("suppressed_logs", type));
            Assert.Equal(11, Series("dropped_chains", type).Count());
        }

        Assert.Contains("dropped_chains{device=block,fault=readable_after_writable}", collected.Values.Keys);
        GC.KeepAlive(all);

        IEnumerable<string> Series(string instrument, string type) => collected.Values.Keys
            .Where(series => series.StartsWith($"{instrument}{{{type}", StringComparison.Ordinal))
            .Select(series => series[instrument.Length..]).Order();
    }

    [Fact]
    public void The_counts_of_a_device_go_on_through_resets()
    {
        BlockDevice device = new(new MemoryBlockBackend(new byte[1 << 20]));
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, "count");
        using Collected collected = new("count");
        for (int i = 1; i <= 3; i++)
        {
            driver.Start();
            DriverQueue queue = driver.Queues[0];
            queue.Submit([BlockGuest.Header(BlockGuest.In, 0)], [512, 1]);
            queue.Submit([BlockGuest.Header(BlockGuest.In, 5000)], [512, 1]);
            queue.Add([new DriverSegment(0x10, 16, IsWritable: false)]);
            queue.Kick();
            Assert.Equal(2 * i, collected.Observe().Values["requests{device=block,operation=read}"]);
            Assert.Equal(512 * i, collected.Values["bytes{device=block,direction=to_guest}"]);
            Assert.Equal(i, collected.Values["errors{device=block,reason=failed}"]);
            Assert.Equal(i, collected.Values["dropped_chains{device=block,fault=outside_memory}"]);
            Assert.Equal(2 * i, collected.Values["chains{device=block,queue=0}"]);
            Assert.Equal(3 * i, collected.Values["notifications{device=block,queue=0}"]);
            Assert.Equal(transport.Interrupts, collected.Values["interrupts{device=block}"]);
            driver.Reset();
            Assert.Equal(2 * i, collected.Observe().Values["chains{device=block,queue=0}"]);
        }

        Assert.Equal((6, 9, 3), (transport.ChainsTaken, transport.Notifications, transport.Dropped(ChainFault.OutsideMemory)));
        Assert.InRange(transport.Interrupts, 3, long.MaxValue);
    }

    [Fact]
    public void Waits_for_a_limiter_are_counted_once_each()
    {
        ManualTime time = new();
        RngDevice device = new(new() { Limiter = new(new() { OperationsPerSecond = 1 }, time) });
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, "wait");
        DriverQueue queue = driver.Start()!;
        for (int i = 0; i < 4; i++) queue.Submit([], [16]);
        queue.Notify();
        queue.Notify();
        using Collected collected = new("wait");
        Assert.Equal(1, collected.Observe().Values["throttled{device=entropy,direction=both}"]);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(3, collected.Observe().Values["throttled{device=entropy,direction=both}"]);
        GC.KeepAlive(transport);
    }

    [Fact]
    public void Nothing_that_a_guest_does_makes_a_new_series()
    {
        BlockDevice device = new(new MemoryBlockBackend(new byte[1 << 20]));
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, "series");
        using Collected collected = new("series");
        int before = collected.Observe().Values.Count;
        DriverQueue queue = driver.Start()!;
        for (uint i = 0; i < 500; i++)
        {
            driver.WriteRegister(MmioRegister.QueueNotify, i);
            driver.WriteRegister((int)(0x10c - (4 * (i % 64))) & ~3, i);
            queue.Submit([BlockGuest.Header(100 + i, i)], [(int)i, 1]);
            queue.Reap();
        }

        // One more: what cannot be told apart has one duration.
        Assert.Equal(before + 1, collected.Observe().Values.Count);
        Assert.Equal(500, collected.Counts["request.duration{device=block,operation=unknown}"]);
        GC.KeepAlive(transport);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_duration_of_requests_is_measured_while_somebody_listens(bool holds)
    {
        SpyBlockBackend backend = new(1 << 20) { Holds = holds };
        BlockDevice device = new(backend);
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, $"duration {holds}");
        DriverQueue queue = driver.Start()!;
        Ask(BlockGuest.In, [512, 1]);
        using (Collected collected = new($"duration {holds}", one => one is Histogram<double>))
        {
            Ask(BlockGuest.In, [512, 1]);
            Ask(BlockGuest.In, [512, 1]);
            Ask(BlockGuest.Flush, [1]);
            Ask(BlockGuest.GetId, [20, 1]);
            Assert.Equal(2, collected.Counts["request.duration{device=block,operation=read}"]);
            Assert.Equal(1, collected.Counts["request.duration{device=block,operation=flush}"]);
            Assert.Equal(1, collected.Counts["request.duration{device=block,operation=get_id}"]);
            Assert.All(collected.Values.Values, seconds => Assert.InRange(seconds, 0, 60));
        }

        GC.KeepAlive(transport);

        void Ask(uint type, int[] writable)
        {
            queue.Submit([BlockGuest.Header(type, 0)], writable);
            while (backend.Held.Count > 0) backend.Held[0].Complete();
            Assert.Single(queue.Reap());
        }
    }

    [Fact]
    public void The_duration_of_flushes_of_persistent_memory_is_measured()
    {
        PmemDevice device = new(new SpyPmemBackend(), new() { Address = 0x1_0000_0000, Length = PmemOptions.Alignment });
        (GuestDriver driver, VirtioMmioTransport transport) = Attach(device, "flush");
        using Collected collected = new("flush", one => one is Histogram<double>);
        driver.Start()!.Submit([new byte[4]], [4]);
        Assert.Equal(1, collected.Counts["request.duration{device=pmem,operation=flush}"]);
        GC.KeepAlive(transport);
    }

    [Fact]
    public async Task A_device_that_is_disposed_of_or_forgotten_is_measured_no_more()
    {
        VirtioMmioTransport transport = Attach(new RngDevice(), "gone 1").Transport;
        Forget();
        using Collected collected = new("gone");
        Assert.NotEmpty(collected.Observe().Values);
        await transport.DisposeAsync();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        collected.Values.Clear();
        Assert.Empty(collected.Observe().Values);
    }

    [Fact]
    public void A_device_without_a_name_is_known_by_its_type_and_interrupt()
    {
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(new RngDevice());
        Assert.Equal($"entropy-{new Slot(0).Interrupt.Raw}", transport.Name);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget() => Attach(new RngDevice(), "gone 2");

    private static IEnumerable<IVirtioDevice> AllDevices() =>
    [
        new BalloonDevice([]),
        new BlockDevice(new MemoryBlockBackend(new byte[512]), new() { QueueCount = 2 }),
        new BootTimerDevice(),
        new ConsoleDevice(Stream.Null),
        new MemDevice(new SpyMemBackend(MemGuest.BlockBytes), MemGuest.Options),
        new NetDevice(new LoopbackNetBackend()),
        new PmemDevice(new SpyPmemBackend(), new() { Address = 0x1_0000_0000, Length = PmemOptions.Alignment }),
        new RngDevice(),
        new VsockDevice(),
    ];

    private static string Word(DeviceType type) => type == DeviceType.BootTimer ? "boot_timer" : type.ToString().ToLowerInvariant();

    private static (GuestDriver Driver, VirtioMmioTransport Transport) Attach(IVirtioDevice device, string name)
    {
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, new() { Name = name });
        return (driver, transport);
    }

    private static string FindPage()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Squib.slnx"))) folder = folder.Parent;
        return Path.Combine(folder!.FullName, "docs", "metrics.md");
    }
}
