using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Squib.Cli.Demo;
using Squib.Machine;
using Xunit;

namespace Squib.Boot.Tests.Hostile;

/// <summary>What became of the machine and its disks while a program in the guest attacked them.</summary>
public sealed class HostileGuestTests(HostileGuest guest) : IClassFixture<HostileGuest>
{
    internal const int VictimSectors = 2048;
    private const int ScratchSectors = 8;
    private const int FirstProbeSector = 1024;

    private const string Transport =
        "T01 T02 T04 T05 T06 T07 T09 T10 T12 T13 T15 T16 T17 T18 T19 T20 T21 T23 T24 T25 T26 T27 T29 T30 T32 T33 T35 T37";

    private const string Rings =
        "Q01 Q02 Q04 Q05 Q06 Q07 Q08 Q09 Q10 Q11 Q13 Q15 Q16 Q17 Q18 Q19 Q20 Q22 Q23 Q24 Q27 Q28 Q29 Q30 Q32 Q33 Q35 "
        + "I01 I02 I03 I04 I05 I06 I07 I08 I09 I10 I15 P01 P02 P03 P04 P05 P06 P08 P09 P11 P13 P15 P17 "
        + "Z01 Z02 Z03 Z04 Z05 Z06 Z13";

    private const string Devices =
        "B01 B02 B03 B04 B05 B06 B07 B08 B10 B11 B12 B13 B15 B18 B19 B22 B24 R01 R02 R03 E01 E02 E05 "
        + "M01 M02 M03 M04 M05 M10";

    public static IEnumerable<TheoryDataRow<string>> Cases =>
        from id in $"{Transport} {Rings} {Devices}".Split(' ') select new TheoryDataRow<string>(id).WithTrait("Case", id);

    [Theory, MemberData(nameof(Cases))]
    public void The_guest_sees_what_it_must(string id)
    {
        string[] results = [.. guest.Lines.Where(line => line.StartsWith($"HOSTILE {id} ", StringComparison.Ordinal))];
        Assert.NotEmpty(results);
        Assert.All(results, line => Assert.StartsWith($"HOSTILE {id} ok ", line, StringComparison.Ordinal));
    }

    [Fact]
    public void The_machine_powers_off_and_no_case_has_failed()
    {
        TestContext.Current.TestOutputHelper!.WriteLine(guest.Output);
        Assert.Equal(MachineExit.PowerOff, guest.Exit);
        Assert.DoesNotContain(guest.Lines, line => Regex.IsMatch(line, "^HOSTILE .* fail|Traceback|Unable to handle|Kernel panic"));
        Assert.Contains(guest.Lines, line => line.StartsWith("HOSTILE DONE", StringComparison.Ordinal));
    }

    [Fact]
    public void The_bystander_works_all_the_time_and_the_host_has_what_it_wrote()
    {
        Match seen = Regex.Match(guest.Output, @"^BYSTANDER rounds=(\d+) mismatches=(\d+)", RegexOptions.Multiline);
        Assert.True(seen.Success);
        Assert.Equal("0", seen.Groups[2].Value);
        int rounds = int.Parse(seen.Groups[1].Value, CultureInfo.InvariantCulture);
        int runs = guest.Lines.Count(line => line.StartsWith("HOSTILE ", StringComparison.Ordinal)) - 1;
        Assert.InRange(rounds, 2 * runs, int.MaxValue);
        byte[] image = File.ReadAllBytes(guest.BystanderImage);
        for (int round = rounds - 64; round < rounds; round++)
        {
            string text = $"bystander round {round,10}\n";
            Assert.Equal(text, Encoding.ASCII.GetString(image, round % 64 * 4096, text.Length));
        }
    }

    [Theory, InlineData("block-inline"), InlineData("block-pooled")]
    public void The_disk_under_attack_holds_what_the_probes_wrote_and_is_untouched_elsewhere(string device)
    {
        Match seen = Regex.Match(guest.Output, $@"^PROBES {device} (\d+)", RegexOptions.Multiline);
        Assert.True(seen.Success);
        int probes = int.Parse(seen.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(probes, 40, VictimSectors - FirstProbeSector);
        byte[] image = File.ReadAllBytes(guest.ImageOf(device));
        Assert.Equal(VictimSectors * DemoDisk.SectorBytes, image.Length);
        for (int sector = ScratchSectors; sector < VictimSectors; sector++)
        {
            int probe = sector - FirstProbeSector;
            byte[] expected = probe >= 0 && probe < probes
                ? Encoding.ASCII.GetBytes($"probe {probe} of {device}".PadRight(DemoDisk.SectorBytes))
                : DemoDisk.ExpectedSector(sector);
            Assert.Equal(expected, image.AsSpan(sector * DemoDisk.SectorBytes, DemoDisk.SectorBytes));
        }
    }
}
