using Squib.Virtio.Devices.Balloon;
using Xunit;
using static Squib.Virtio.Tests.Devices.Balloon.BalloonGuest;

namespace Squib.Virtio.Tests.Devices.Balloon;

public sealed class BalloonHintingTests
{
    private const uint ConfigurationChange = 2;
    private const int Command = 8;
    private readonly BalloonGuest guest = new();

    [Fact]
    [Trait("Row", "BAL-D04")]
    [Trait("Row", "BAL-06")]
    [Trait("Row", "BAL-11")]
    public async Task A_round_collects_the_free_pages_and_ends_with_DONE()
    {
        Assert.Equal(0u, guest.ReadConfig(Command));
        Task round = guest.Device.StartHinting();
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        uint id = guest.ReadConfig(Command);
        Assert.InRange(id, 2u, uint.MaxValue);
        Do(guest.Hints, Pages(id));
        Do(guest.Hints, Writable(FreePage + 64, 100));
        Do(guest.Hints, Writable(FreePage, 4), Writable(FreePage + 4, 1));
        Assert.Equal(BalloonHinting.Running, guest.Device.Hinting);
        Do(guest.Hints, Pages(0));
        await round;
        Assert.Equal(BalloonHinting.Complete, guest.Device.Hinting);
        Assert.Equal([new(FreePage, 5), new(FreePage + 64, 100)], guest.Device.HintedPages);
        Assert.Equal(105 * 4096, guest.Device.Counters.HintedBytes);
        Assert.Empty(guest.Owner.Discarded);
        guest.Driver.HandleInterrupt();
        guest.Device.FinishHinting();
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.Equal(1u, guest.ReadConfig(Command));
        Assert.Equal(BalloonHinting.Done, guest.Device.Hinting);
    }

    [Fact]
    [Trait("Row", "BAL-07")]
    public async Task Every_round_has_an_id_of_its_own()
    {
        HashSet<uint> ids = [];
        Task first = guest.Device.StartHinting();
        ids.Add(guest.ReadConfig(Command));
        for (int i = 0; i < 100; i++)
        {
            _ = guest.Device.StartHinting();
            Assert.True(ids.Add(guest.ReadConfig(Command)));
        }

        await Assert.ThrowsAsync<TaskCanceledException>(() => first);
        guest.Driver.Start();
        _ = guest.Device.StartHinting();
        Assert.True(ids.Add(guest.ReadConfig(Command)));
    }

    [Fact]
    [Trait("Row", "BAL-08")]
    public void Hints_under_another_id_are_ignored()
    {
        _ = guest.Device.StartHinting();
        uint stale = guest.ReadConfig(Command);
        Task round = guest.Device.StartHinting();
        Do(guest.Hints, Writable(FreePage, 1));
        Do(guest.Hints, Pages(stale));
        Do(guest.Hints, Writable(FreePage, 1));
        Do(guest.Hints, Pages(0));
        Assert.False(round.IsCompleted);
        Assert.Empty(guest.Device.HintedPages);
        Do(guest.Hints, Pages(stale + 1));
        Do(guest.Hints, Writable(FreePage, 1));
        Do(guest.Hints, Pages(0));
        Assert.True(round.IsCompletedSuccessfully);
        Assert.Equal([new(FreePage, 1)], guest.Device.HintedPages);
    }

    [Fact]
    [Trait("Row", "BAL-06")]
    public async Task A_stopped_round_takes_no_more_hints_and_keeps_those_it_has()
    {
        Task round = guest.Device.StartHinting();
        uint id = guest.ReadConfig(Command);
        Do(guest.Hints, Pages(id));
        Do(guest.Hints, Writable(FreePage, 1));
        guest.Device.StopHinting();
        Assert.Equal(0u, guest.ReadConfig(Command));
        Assert.Equal(BalloonHinting.Stopped, guest.Device.Hinting);
        Do(guest.Hints, Writable(FreePage + 1, 1));
        Do(guest.Hints, Pages(0));
        Assert.Equal([new(FreePage, 1)], guest.Device.HintedPages);
        await Assert.ThrowsAsync<TaskCanceledException>(() => round);
    }

    [Fact]
    [Trait("Row", "BAL-09")]
    [Trait("Row", "BAL-10")]
    public void Nothing_changes_after_DONE()
    {
        BalloonGuest discarding = new(new() { DiscardHintedPages = true });
        _ = discarding.Device.StartHinting();
        Do(discarding.Hints, Pages(discarding.ReadConfig(Command)));
        Do(discarding.Hints, Writable(FreePage, 1));
        Assert.Equal(0, discarding.FirstByteOf(FreePage));
        discarding.Device.FinishHinting();
        discarding.Ram.AsSpan((int)(FreePage - FirstPage) * 4096, 8192).Fill(7);
        Do(discarding.Hints, Writable(FreePage, 2));
        Do(discarding.Hints, Pages(0));
        Assert.Equal((7, 7), (discarding.FirstByteOf(FreePage), discarding.FirstByteOf(FreePage + 1)));
        Assert.Single(discarding.Owner.Discarded);
    }

    [Fact]
    public async Task A_reset_ends_the_round()
    {
        Task round = guest.Device.StartHinting();
        guest.Driver.Reset();
        await Assert.ThrowsAsync<TaskCanceledException>(() => round);
        Assert.Equal(0u, guest.ReadConfig(Command));
        Assert.Throws<InvalidOperationException>(() => { _ = guest.Device.StartHinting(); });
        guest.Driver.Start(~BalloonFeature.FreePageHint);
        Assert.Throws<InvalidOperationException>(() => { _ = guest.Device.StartHinting(); });
        Assert.Throws<InvalidOperationException>(() => guest.Device.StopHinting());
        Assert.Throws<InvalidOperationException>(() => guest.Device.FinishHinting());
    }

    [Fact]
    public void A_command_that_is_too_short_is_none()
    {
        Task round = guest.Device.StartHinting();
        Do(guest.Hints, Pages(guest.ReadConfig(Command))[..3]);
        Do(guest.Hints, Writable(FreePage, 1));
        Assert.Empty(guest.Device.HintedPages);
        Assert.False(round.IsCompleted);
    }
}
