using Squib.Cli.Demo;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Boot.Tests.Demo;

public sealed class DemoVerdictTests
{
    private const string Negotiated = "; features=VERSION_1,EVENT_IDX,INDIRECT_DESC,FLUSH";

    [Fact]
    public void A_device_that_the_guest_found_well_is_ok()
    {
        DemoRow row = Verdict("SELFTEST rng ok virtio_rng.0: 512 bytes" + Negotiated).Judge("rng");
        Assert.True(row.Ok);
        Assert.Contains("INDIRECT_DESC", row.Features);
    }

    [Theory]
    [InlineData("SELFTEST rng fail not random" + Negotiated)]
    [InlineData("SELFTEST rng absent no virtio device of type 4")]
    [InlineData("SELFTEST rng ok fine; features=VERSION_1,EVENT_IDX")]
    [InlineData("SELFTEST console ok another device" + Negotiated)]
    public void A_device_that_failed_is_missing_or_negotiated_too_little_is_not_ok(string line) =>
        Assert.False(Verdict(line).Judge("rng").Ok);

    [Fact]
    public void What_the_rings_offered_must_have_been_negotiated()
    {
        const string Line = "SELFTEST rng ok fine; features=VERSION_1,INDIRECT_DESC";
        Assert.True(Verdict(Line, new() { EventIndex = false }).Judge("rng").Ok);
        DemoRow row = Verdict(Line, new() { EventIndex = false, RingPacked = true }).Judge("rng");
        Assert.False(row.Ok);
        Assert.EndsWith("not negotiated: RING_PACKED", row.Did, StringComparison.Ordinal);
    }

    [Fact]
    public void The_scratch_disk_is_ok_if_the_host_finds_the_pattern_in_its_image()
    {
        using TemporaryFolder folder = new();
        string image = folder.File("scratch.img");
        DemoDisk.CreateEmpty(image, 4 << 20);
        DemoVerdict verdict = Verdict("SELFTEST block ok vda serial=scratch sectors=8192: written" + Negotiated);
        DemoRow row = verdict.JudgeScratch("scratch", image, 7680);
        Assert.False(row.Ok);
        Assert.Contains("sector 7680", row.Did, StringComparison.Ordinal);

        using (FileStream file = new(image, FileMode.Open))
        {
            file.Position = 7680 * DemoDisk.SectorBytes;
            for (long sector = 7680; sector < 8192; sector++) file.Write(DemoDisk.ExpectedSector(sector));
        }

        Assert.True(verdict.JudgeScratch("scratch", image, 7680).Ok);
    }

    [Fact]
    public void The_read_only_disk_is_ok_if_the_guest_read_what_the_host_has_put_there()
    {
        using TemporaryFolder folder = new();
        string sum = DemoDisk.CreateRandom(folder.File("readonly.img"), 1 << 20);
        string line = $"SELFTEST block ok vdb serial=readonly sectors=2048: 256 KiB read (SHA-256 {sum}){Negotiated}";
        Assert.True(Verdict(line).JudgeReadOnly("readonly", sum).Ok);
        Assert.False(Verdict(line).JudgeReadOnly("readonly", "0123456789abcdef").Ok);
    }

    [Fact]
    public void Persistent_memory_is_ok_if_the_guest_of_a_second_boot_reads_the_sum_of_what_the_first_wrote()
    {
        using TemporaryFolder folder = new();
        string file = folder.File("pmem.img");
        using (FileStream image = new(file, FileMode.CreateNew))
        {
            for (long sector = 0; sector < DemoDisk.PatternSectors; sector++) image.Write(DemoDisk.ExpectedSector(sector));
        }

        DemoVerdict verdict = Verdict("SELFTEST pmem ok pmem0: written (SHA-256 0123456789abcdef), flushed" + Negotiated);
        Assert.True(verdict.JudgePmem(file, 0, Lines("SELFTEST pmem ok pmem0: read (SHA-256 0123456789abcdef)")).Ok);
        DemoRow other = verdict.JudgePmem(file, 0, Lines("SELFTEST pmem ok pmem0: read (SHA-256 fedcba9876543210)"));
        Assert.False(other.Ok);
        Assert.EndsWith("the guest of a second boot reads another sum, fedcba9876543210", other.Did, StringComparison.Ordinal);
        Assert.False(verdict.JudgePmem(file, 0, Lines("SELFTEST pmem fail no device")).Ok);
        Assert.False(verdict.JudgePmem(file, 0, []).Ok);
        Assert.False(verdict.JudgePmem(file, 1, Lines("SELFTEST pmem ok pmem0: read (SHA-256 0123456789abcdef)")).Ok);
    }

    [Fact]
    public void Sockets_are_ok_if_the_guest_tells_the_sum_of_what_the_host_sent_and_as_much_came_back()
    {
        DemoVerdict verdict = Verdict("SELFTEST vsock ok 1 byte from the host (SHA-256 0123456789abcdef) and back" + Negotiated);
        Assert.True(verdict.JudgeSockets((true, "sums equal"), "0123456789abcdef").Ok);
        Assert.False(verdict.JudgeSockets((true, "sums equal"), "fedcba9876543210").Ok);
        Assert.False(verdict.JudgeSockets((false, "0 bytes came back"), "0123456789abcdef").Ok);
    }

    [Theory]
    [InlineData(40, 80)]
    [InlineData(80, 80)]
    [InlineData(100, 100)]
    [InlineData(200, 110)]
    public void The_table_has_a_row_for_each_device_and_is_as_wide_as_the_terminal_within_limits(int terminal, int expected)
    {
        string table = DemoTable.Format(
            [
                new("mem", string.Concat(Enumerable.Repeat("bytes read ", 20)), ["VERSION_1", "UNPLUGGED_INACCESSIBLE"], true),
                new("console", "no result from the guest", [], false),
            ],
            terminal);
        string[] lines = table.Split(Environment.NewLine);
        Assert.Equal(expected, lines.Max(line => line.Length));
        Assert.Matches(@"^mem +bytes .* VERSION_1 .*ok$", lines[2]);
        Assert.Contains(lines, line => line.EndsWith(" failed", StringComparison.Ordinal));
    }

    private static DemoVerdict Verdict(string line, TransportOptions? transport = null) =>
        new(Lines(line), transport ?? new());

    private static SelfTestLine[] Lines(string line) => [.. new[] { SelfTestLine.Parse(line) }.OfType<SelfTestLine>()];
}
