using System.Buffers.Binary;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Balloon;

public sealed class BalloonStatisticsTests
{
    private readonly ManualTime time = new();

    [Fact]
    [Trait("Row", "BAL-D03")]
    public async Task The_buffer_stays_with_the_device_until_new_figures_are_wanted()
    {
        BalloonGuest guest = new(new() { Time = time });
        guest.Statistics.Submit([Entry(4, 1000)]);
        Assert.Empty(guest.Statistics.Reap());
        Assert.Equal(1000u, guest.Device.Statistics![BalloonStatistic.FreeMemory]);
        Assert.Null(guest.Device.Statistics[BalloonStatistic.SwapIn]);
        time.Advance(TimeSpan.FromSeconds(5));
        Task<BalloonStatistics> asked = guest.Device.ReadStatisticsAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0u, Assert.Single(guest.Statistics.Reap()).Length);
        Assert.False(asked.IsCompleted);
        guest.Statistics.Submit([Entry(4, 2000)]);
        BalloonStatistics read = await asked;
        Assert.Equal(2000u, read[BalloonStatistic.FreeMemory]);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(5), read.ReceivedAt);
        Assert.Same(read, guest.Device.Statistics);
        Assert.Equal(2, guest.Device.StatisticsReports);
    }

    [Fact]
    [Trait("Row", "BAL-04")]
    [Trait("Row", "BAL-05")]
    public void All_tags_are_known_in_any_order_and_others_are_ignored()
    {
        BalloonGuest guest = new();
        byte[] entries = [.. Enumerable.Range(0, 16).Reverse().SelectMany(tag => Entry((ushort)tag, 100 + (ulong)tag))];
        guest.Statistics.Submit([[.. Entry(0x7777, 5), .. entries, .. Entry(16, 5), .. Entry(ushort.MaxValue, 5)]]);
        foreach (BalloonStatistic statistic in Enum.GetValues<BalloonStatistic>())
            Assert.Equal(100 + (ulong)statistic, guest.Device.Statistics![statistic]);
        Assert.Equal(16, Enum.GetValues<BalloonStatistic>().Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => guest.Device.Statistics![(BalloonStatistic)16]);
    }

    [Fact]
    public void The_interval_can_be_changed_and_nothing_runs_without_one()
    {
        BalloonGuest guest = new(new() { Time = time });
        guest.Statistics.Submit([Entry(4, 1)]);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(guest.Statistics.Reap());
        Assert.Equal(0, time.Armed);
        guest.Device.SetStatisticsInterval(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), guest.Device.StatisticsInterval);
        Poll(guest, seconds: 10);
        Poll(guest, seconds: 10);
        guest.Device.SetStatisticsInterval(TimeSpan.FromSeconds(3));
        Poll(guest, seconds: 3);
        guest.Device.SetStatisticsInterval(TimeSpan.Zero);
        Assert.Equal(0, time.Armed);
        Assert.Throws<ArgumentOutOfRangeException>("interval", () => guest.Device.SetStatisticsInterval(TimeSpan.FromSeconds(-1)));
        Assert.Throws<ArgumentOutOfRangeException>("interval", () => guest.Device.SetStatisticsInterval(TimeSpan.MaxValue));
        Assert.Equal(TimeSpan.Zero, guest.Device.StatisticsInterval);
    }

    [Fact]
    public void The_interval_of_the_options_begins_with_the_session_and_ends_with_it()
    {
        BalloonGuest guest = new(new() { Time = time, StatisticsInterval = TimeSpan.FromSeconds(1) }, start: false);
        Assert.Equal(0, time.Armed);
        guest.Driver.Start();
        Assert.Equal(1, time.Armed);
        guest.Statistics.Submit([Entry(4, 1)]);
        Poll(guest, seconds: 1);
        guest.Driver.Reset();
        Assert.Equal(DeviceStatus.None, guest.Driver.Status);
        Assert.Equal(0, time.Armed);
        guest.Driver.Start(~BalloonFeature.Statistics);
        Assert.Equal(0, time.Armed);
        guest.Driver.Start();
        guest.Statistics.Submit([Entry(4, 1)]);
        Poll(guest, seconds: 1);
    }

    [Fact]
    public void The_queue_can_be_reset_alone_while_the_device_holds_its_buffer()
    {
        BalloonGuest guest = new();
        guest.Statistics.Submit([Entry(4, 1)]);
        guest.Driver.WriteRegister(MmioRegister.QueueSel, 2);
        guest.Driver.WriteRegister(MmioRegister.QueueReset, 1);
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReset));
        Assert.Equal(0u, guest.Driver.ReadRegister(MmioRegister.QueueReady));
        guest.Driver.SetUpQueue(2).Submit([Entry(4, 2)]);
        Assert.Equal(2u, guest.Device.Statistics![BalloonStatistic.FreeMemory]);
    }

    [Fact]
    public void Of_two_buffers_the_older_goes_back()
    {
        BalloonGuest guest = new();
        ushort first = guest.Statistics.Submit([Entry(4, 1)]);
        guest.Statistics.Submit([Entry(4, 2)]);
        Assert.Equal(first, Assert.Single(guest.Statistics.Reap()).Id);
        Assert.Equal(2u, guest.Device.Statistics![BalloonStatistic.FreeMemory]);
        _ = guest.Device.ReadStatisticsAsync(TestContext.Current.CancellationToken);
        Assert.Single(guest.Statistics.Reap());
    }

    [Fact]
    public async Task Who_gives_up_waiting_for_figures_is_let_go()
    {
        using CancellationTokenSource enough = new();
        BalloonGuest guest = new();
        Task<BalloonStatistics> asked = guest.Device.ReadStatisticsAsync(enough.Token);
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Theory]
    [Trait("Case", "L07")]
    [InlineData(9, 0)]
    [InlineData(10, 1)]
    [InlineData(11, 1)]
    [InlineData(2561, 256)]
    [InlineData(1 << 20, 256)]
    public async Task L07_Whole_entries_count_up_to_a_limit(int bytes, int entries)
    {
        BalloonGuest guest = new();
        byte[] buffer = new byte[bytes];
        for (int i = 0; i + 10 <= bytes; i += 10) Entry(4, (ulong)(i / 10) + 1).CopyTo(buffer.AsSpan(i));
        guest.Statistics.Submit([buffer]);
        Assert.Equal(entries == 0 ? null : (ulong)entries, guest.Device.Statistics![BalloonStatistic.FreeMemory]);
        Task<BalloonStatistics> asked = guest.Device.ReadStatisticsAsync(TestContext.Current.CancellationToken);
        Assert.Single(guest.Statistics.Reap());
        guest.Statistics.Submit([[.. Entry(3, ulong.MaxValue), .. Entry(3, 5), .. Entry(2, ulong.MaxValue)]]);
        Assert.Equal(5u, (await asked)[BalloonStatistic.MinorFaults]);
        Assert.Equal(ulong.MaxValue, guest.Device.Statistics![BalloonStatistic.MajorFaults]);
    }

    [Fact]
    [Trait("Case", "L07")]
    public void L07_Gigabytes_of_overlapping_figures_are_not_read()
    {
        BalloonGuest guest = new();
        DriverSegment[] segments = [.. Enumerable.Repeat(
            new DriverSegment((ulong)BalloonGuest.FreePage * 4096, 8 << 20, IsWritable: false), 255)];
        long before = GC.GetAllocatedBytesForCurrentThread();
        guest.Statistics.Add(segments, indirect: true);
        guest.Statistics.Kick();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 131_072);
        Assert.Equal(1, guest.Device.StatisticsReports);
        guest.Statistics.Submit([[]]);
        Assert.Equal(0u, Assert.Single(guest.Statistics.Reap()).Length);
        Assert.Equal(1, guest.Device.StatisticsReports);
    }

    private static byte[] Entry(ushort tag, ulong value)
    {
        byte[] bytes = new byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, tag);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(2), value);
        return bytes;
    }

    private void Poll(BalloonGuest guest, int seconds)
    {
        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromTicks(1));
        Assert.Empty(guest.Statistics.Reap());
        time.Advance(TimeSpan.FromTicks(1));
        Assert.Single(guest.Statistics.Reap());
        guest.Statistics.Submit([Entry(4, 1)]);
    }
}
