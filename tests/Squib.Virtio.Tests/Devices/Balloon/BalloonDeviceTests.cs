using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Balloon.BalloonGuest;

namespace Squib.Virtio.Tests.Devices.Balloon;

public sealed class BalloonDeviceTests
{
    private const uint ConfigurationChange = 2;
    private const ulong Ring = VirtioFeature.Version1;

    [Theory]
    [Trait("Row", "BAL-D01")]
    [Trait("Row", "BAL-02")]
    [InlineData(1, false)]
    [InlineData(256, false)]
    [InlineData(256, true)]
    public void Inflated_pages_go_back_to_the_host_and_no_others(int count, bool packed)
    {
        BalloonGuest guest = new(transport: new() { RingPacked = packed, InOrder = packed });
        Do(guest.Inflate, Pages(Run(FreePage + 8, count)));
        Assert.Equal([((FreePage + 8 - FirstPage) * 4096L, count * 4096L)], guest.Owner.Discarded);
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 7));
        Assert.Equal(0, guest.FirstByteOf(FreePage + 8));
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 8 + (uint)count));
        Assert.Equal(count * 4096L, guest.Device.InflatedBytes);
        BalloonCounters counters = guest.Device.Counters;
        Assert.Equal((count, count * 4096L), (counters.InflatedPages, counters.DiscardedBytes));
        Do(guest.Deflate, Pages(Run(FreePage + 8, count)));
        Assert.Equal(0, guest.Device.InflatedBytes);
        Assert.Equal(count, guest.Device.Counters.DeflatedPages);
    }

    [Fact]
    public void Page_numbers_in_any_order_and_in_pieces_become_few_ranges()
    {
        BalloonGuest guest = new();
        byte[] bytes = Pages(FreePage + 9, FreePage + 2, FreePage + 3, FreePage + 1, FreePage + 8);
        Do(guest.Inflate, bytes[..3], bytes[3..7], bytes[7..8], bytes[8..]);
        Assert.Equal([(Offset(1), 3 * 4096L), (Offset(8), 2 * 4096L)], guest.Owner.Discarded);
        Do(guest.Inflate, Pages(Run(FreePage, 16).Reverse()));
        Assert.Equal(16 * 4096, guest.Device.InflatedBytes);

        static long Offset(uint page) => (FreePage + page - FirstPage) * 4096L;
    }

    [Fact]
    public void A_larger_page_of_the_host_goes_when_all_of_it_is_in_the_balloon()
    {
        BalloonGuest guest = new(pageBytes: 16_384);
        Do(guest.Inflate, Pages(FreePage, FreePage + 1, FreePage + 3, FreePage + 4));
        Assert.Empty(guest.Owner.Discarded);
        Do(guest.Inflate, Pages(FreePage + 2));
        Assert.Equal([((FreePage - FirstPage) * 4096L, 16_384L)], guest.Owner.Discarded);
        Do(guest.Deflate, Pages(FreePage + 4));
        Do(guest.Inflate, Pages(FreePage + 5, FreePage + 6, FreePage + 7));
        Assert.Single(guest.Owner.Discarded);
        Do(guest.Inflate, Pages(FreePage + 4));
        Assert.Equal(2, guest.Owner.Discarded.Count);
    }

    [Fact]
    [Trait("Row", "BAL-D02")]
    public void A_new_target_reaches_the_driver_and_what_it_says_reaches_the_host()
    {
        BalloonGuest guest = new(new() { TargetBytes = 8 * 4096 });
        Assert.Equal(8u, guest.ReadConfig(0));
        uint generation = guest.Driver.ReadRegister(MmioRegister.ConfigGeneration);
        guest.Device.SetTarget(1 << 20);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.NotEqual(generation, guest.Driver.ReadRegister(MmioRegister.ConfigGeneration));
        Assert.Equal(256u, guest.ReadConfig(0));
        Assert.Equal(1 << 20, guest.Device.TargetBytes);
        guest.Driver.WriteConfig(4, Pages(200));
        Assert.Equal(200u, guest.ReadConfig(4));
        Assert.Equal((200 * 4096, 56 * 4096), (guest.Device.ActualBytes, guest.Device.MissingBytes));
        guest.Driver.WriteConfig(0, Pages(7));
        Assert.Equal(256u, guest.ReadConfig(0));
    }

    [Theory]
    [InlineData(-4096)]
    [InlineData(4095)]
    [InlineData(Bytes + 4096L)]
    [InlineData(long.MaxValue)]
    public void A_target_that_cannot_be_is_refused_and_changes_nothing(long bytes)
    {
        BalloonGuest guest = new();
        Assert.Throws<ArgumentOutOfRangeException>("bytes", () => guest.Device.SetTarget(bytes));
        Assert.Equal(0u, guest.ReadConfig(0));
        Assert.Equal(0u, guest.Driver.HandleInterrupt());
        Assert.Throws<ArgumentOutOfRangeException>("options", () => new BalloonGuest(new() { TargetBytes = bytes }));
    }

    [Fact]
    [Trait("Row", "BAL-01")]
    public void A_driver_that_does_not_tell_is_served_all_the_same()
    {
        BalloonGuest guest = new(wanted: Ring | BalloonFeature.Statistics);
        Assert.Equal(DeviceStatus.DriverOk, guest.Driver.Status & DeviceStatus.DriverOk);
        Do(guest.Inflate, Pages(FreePage));
        Assert.Equal(4096, guest.Device.InflatedBytes);
    }

    [Fact]
    [Trait("Row", "BAL-03")]
    public void A_page_that_was_taken_back_is_left_alone()
    {
        BalloonGuest guest = new();
        Do(guest.Inflate, Pages(FreePage));
        Do(guest.Deflate, Pages(FreePage));
        guest.Ram[(FreePage - FirstPage) * 4096] = 7;
        Do(guest.Inflate, Pages(FreePage + 1));
        Assert.Equal(7, guest.FirstByteOf(FreePage));
    }

    [Fact]
    [Trait("Row", "BAL-D05")]
    [Trait("Row", "BAL-13")]
    public void Reported_ranges_are_discarded_and_given_back_by_one_used_buffer()
    {
        BalloonGuest guest = new(wanted: ~BalloonFeature.PagePoison);
        Do(guest.Reports, Writable(FreePage, 2), Writable(FreePage + 8, 512), Writable(FreePage + 4, 1));
        Assert.Equal([8192, 512 * 4096, 4096], guest.Owner.Discarded.Select(range => range.Length));
        Assert.Equal(515 * 4096, guest.Device.Counters.ReportedBytes);
        Assert.Equal(0, guest.Device.InflatedBytes);
        // Only whole pages go: what the driver lends of others may hold its own data.
        Do(guest.Reports, new DriverSegment(((ulong)(FreePage + 600) * 4096) + 1, 3 * 4096, IsWritable: true));
        Assert.Equal(((FreePage + 601 - FirstPage) * 4096L, 2 * 4096L), guest.Owner.Discarded[^1]);
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 600));
        Do(guest.Reports, new DriverSegment(((ulong)(FreePage + 700) * 4096) + 1, 100, IsWritable: true));
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 700));
        Assert.Equal(4, guest.Owner.Discarded.Count);
    }

    [Fact]
    [Trait("Row", "BAL-D05")]
    public void Of_a_reported_range_only_whole_pages_of_the_host_go()
    {
        BalloonGuest guest = new(wanted: ~BalloonFeature.PagePoison, pageBytes: 16_384);
        Do(guest.Inflate, Pages(FreePage));
        // The page before the range is in the balloon, but the one that the driver reports it may use again at once.
        Do(guest.Reports, Writable(FreePage + 1, 10));
        Assert.Equal([((FreePage + 4 - FirstPage) * 4096L, 16_384L)], guest.Owner.Discarded);
        Do(guest.Reports, Writable(FreePage + 1, 3));
        Do(guest.Reports, Writable(FreePage + 13, 2));
        Assert.Single(guest.Owner.Discarded);
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 3));
        Assert.Equal(0xaa, guest.FirstByteOf(FreePage + 8));
    }

    [Theory]
    [Trait("Row", "BAL-12")]
    [Trait("Row", "BAL-14")]
    [InlineData(0xaaaaaaaau, 0)]
    [InlineData(0u, 1)]
    public void Reported_pages_that_are_poisoned_are_left_alone(uint poison, int discards)
    {
        BalloonGuest guest = new(start: false);
        guest.Driver.WriteConfig(12, Pages(5));
        Assert.Equal(0u, guest.Device.PoisonValue);
        Assert.True(guest.Driver.Probe());
        guest.Driver.WriteConfig(12, Pages(poison));
        for (int i = 0; i < 5; i++) guest.Driver.SetUpQueue(i);
        guest.Driver.SetDriverOk();
        Assert.Equal(poison, guest.Device.PoisonValue);
        Do(guest.Reports, Writable(FreePage, 2));
        Assert.Equal(discards, guest.Owner.Discarded.Count);
        Assert.Equal(discards == 1 ? 0 : 0xaa, guest.FirstByteOf(FreePage));
        Assert.Equal(8192, guest.Device.Counters.ReportedBytes);
    }

    [Fact]
    public void Without_PAGE_POISON_the_driver_cannot_say_a_value()
    {
        BalloonGuest guest = new(new() { PagePoison = false });
        guest.Driver.WriteConfig(12, Pages(5));
        Assert.Equal((0u, 0u), (guest.Device.PoisonValue, guest.ReadConfig(12)));
        Assert.Equal(4, guest.Device.Config.RefusedWrites);
    }

    // Linux' MMIO transport numbers the queues that it uses one after the other; the specification numbers them by
    // function.
    [Theory]
    [InlineData(BalloonFeature.PageReporting, 4, new[] { 0, 1, 2 })]
    [InlineData(BalloonFeature.PageReporting, 4, new[] { 0, 1, 4 })]
    [InlineData(BalloonFeature.Statistics | BalloonFeature.PageReporting, 4, new[] { 0, 1, 2, 3 })]
    [InlineData(BalloonFeature.Statistics | BalloonFeature.PageReporting, 4, new[] { 0, 1, 2, 4 })]
    [InlineData(BalloonFeature.FreePageHint | BalloonFeature.PageReporting, 4, new[] { 0, 1, 2, 3 })]
    [InlineData(BalloonFeature.FreePageHint | BalloonFeature.PageReporting, 4, new[] { 0, 1, 3, 4 })]
    [InlineData(BalloonFeature.FreePageHint, 3, new[] { 0, 1, 2 })]
    [InlineData(BalloonFeature.FreePageHint, 3, new[] { 0, 1, 3 })]
    [InlineData(BalloonFeature.Statistics, 2, new[] { 0, 1, 2 })]
    public void Optional_queues_are_found_in_both_numberings(ulong features, int function, int[] queues)
    {
        BalloonGuest guest = new(start: false);
        Assert.True(guest.Driver.Probe(Ring | features));
        foreach (int queue in queues) guest.Driver.SetUpQueue(queue);
        guest.Driver.SetDriverOk();
        DriverQueue last = guest.Driver.Queues[^1];
        if (function == 4)
        {
            Do(last, Writable(FreePage, 1));
            Assert.Equal(4096, guest.Device.Counters.ReportedBytes);
        }
        else if (function == 3)
        {
            guest.Device.StartHinting();
            Do(last, Pages(guest.ReadConfig(8)));
            Do(last, Writable(FreePage, 1));
            Assert.Equal(4096, guest.Device.Counters.HintedBytes);
        }
        else
        {
            last.Submit([new byte[10]]);
            Assert.Equal(1, guest.Device.StatisticsReports);
        }
    }

    [Fact]
    public void A_new_session_begins_with_an_empty_balloon()
    {
        BalloonGuest guest = new();
        Do(guest.Inflate, Pages(FreePage));
        guest.Driver.WriteConfig(4, Pages(1));
        guest.Device.SetTarget(1 << 20);
        guest.Driver.Start();
        Assert.Equal((0, 0), (guest.Device.InflatedBytes, guest.Device.ActualBytes));
        Assert.Equal((256u, 0u), (guest.ReadConfig(0), guest.ReadConfig(4)));
        Do(guest.Inflate, Pages(FreePage));
        Assert.Equal(4096, guest.Device.InflatedBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_owner_that_takes_nothing_back_shows_in_the_counter(bool throws)
    {
        BalloonGuest guest = new();
        guest.Owner.Answer = () => throws ? throw new IOException("No.") : false;
        Do(guest.Inflate, Pages(FreePage, FreePage + 2));
        Assert.Equal((2, 0), (guest.Device.Counters.DiscardFailures, guest.Device.Counters.DiscardedBytes));
        Assert.Equal(8192, guest.Device.InflatedBytes);
        guest.Owner.Answer = () => true;
        Do(guest.Inflate, Pages(FreePage + 4));
        Assert.Equal(4096, guest.Device.Counters.DiscardedBytes);
    }

    [Fact]
    public void What_is_offered_follows_the_options()
    {
        Assert.Equal(0x3fUL, new BalloonDevice([]).Features);
        BalloonOptions none = new()
        {
            MustTellHost = false,
            Statistics = false,
            DeflateOnOutOfMemory = false,
            FreePageHints = false,
            PagePoison = false,
            FreePageReporting = false,
        };
        BalloonDevice device = new([], none);
        Assert.Equal(0UL, device.Features);
        Assert.Throws<InvalidOperationException>(() => device.SetStatisticsInterval(TimeSpan.FromSeconds(1)));
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Assert.Throws<InvalidOperationException>(() => { _ = device.ReadStatisticsAsync(cancel); });
        Assert.Throws<InvalidOperationException>(() => { _ = device.StartHinting(); });
        BalloonOptions polls = none with { StatisticsInterval = TimeSpan.FromSeconds(1) };
        Assert.Throws<ArgumentException>(() => new BalloonDevice([], polls));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BalloonDevice([], new() { QueueSize = 0 }));
        SpyReclaimer large = new(new byte[65_536], pageBytes: 65_536);
        Assert.Throws<ArgumentException>("memory", () => new BalloonDevice([new(4096, large)]));
        foreach (int odd in (int[])[0, 2048, 12_288])
        {
            SpyReclaimer strange = new(new byte[65_536], odd);
            Assert.Throws<ArgumentException>("memory", () => new BalloonDevice([new(0, strange)]));
        }
    }
}
