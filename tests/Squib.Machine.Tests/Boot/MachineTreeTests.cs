using System.Text;
using System.Text.RegularExpressions;
using Squib.Machine.Boot;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed partial class MachineTreeTests
{
    private static readonly MachineTree Full = new()
    {
        RamBytes = 0x1_8000_0000,
        CommandLine = "console=ttyAMA0 panic=1",
        InitrdStart = 0x9000_0000,
        InitrdBytes = 0x12345,
        Slots = [.. Enumerable.Range(0, 32).Select(n => new Slot(n))],
    };

    [Fact]
    public void The_compiler_reads_it_without_a_warning_and_writes_it_back_the_same()
    {
        byte[] blob = Full.ToBytes();
        (byte[] source, string warnings) = Dtc.Run("dtb", "dts", blob);
        Assert.Equal("", warnings);
        // Without labels the compiler cannot know handles from numbers and says so: its warnings on the way back are
        // its own. It lets names share their ends, so the table of names may be shorter; the structure is as long as
        // ours.
        (byte[] again, _) = Dtc.Run("dts", "dtb", source);
        Assert.Equal(blob[36..40], again[36..40]);
        Assert.Equal(source, Dtc.Run("dtb", "dts", again).Output);
    }

    [Fact]
    public void A_slot_that_no_driver_shall_take_is_disabled()
    {
        MachineTree tree = Full with { Slots = [new(0), new(1)], Driverless = new HashSet<Slot> { new(1) } };
        string source = Decompile(tree);
        int second = source.IndexOf("virtio_mmio@f001000", StringComparison.Ordinal);
        Assert.Contains("status = \"disabled\";", source[second..], StringComparison.Ordinal);
        Assert.DoesNotContain("status", source[..second], StringComparison.Ordinal);
    }

    [Fact]
    public void It_says_what_the_memory_map_says()
    {
        string source = Decompile(Full);
        string[] expected =
        [
            "bootargs = \"console=ttyAMA0 panic=1\";",
            "stdout-path = \"/pl011@e0a0000\";",
            "linux,initrd-start = <0x00 0x90000000>;",
            "linux,initrd-end = <0x00 0x90012345>;",
            "memory@80000000 {",
            "reg = <0x00 0x80000000 0x01 0x80000000>;",
            "enable-method = \"psci\";",
            "compatible = \"arm,psci-1.0\\0arm,psci-0.2\";",
            "method = \"hvc\";",
            "interrupts = <0x01 0x0d 0x04 0x01 0x0e 0x04 0x01 0x0b 0x04 0x01 0x0a 0x04>;",
            "intc@8000000 {",
            "compatible = \"arm,gic-v3\";",
            "reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0x20000>;",
            "clock-frequency = <0x16e3600>;",
            "pl011@e0a0000 {",
            "reg = <0x00 0xe0a0000 0x00 0x1000>;",
            "interrupts = <0x00 0x01 0x04>;",
            "virtio_mmio@f000000 {",
            "interrupts = <0x00 0x10 0x01>;",
            "dma-coherent;",
            "virtio_mmio@f01f000 {",
            "reg = <0x00 0xf01f000 0x00 0x1000>;",
            "interrupts = <0x00 0x2f 0x01>;",
        ];
        Assert.All(expected, line => Assert.Contains(line, source, StringComparison.Ordinal));
        Assert.DoesNotContain("kaslr-seed", source, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_initrd_and_devices_it_mentions_none()
    {
        string source = Decompile(new MachineTree { RamBytes = 0x400_0000, CommandLine = "x" });
        Assert.DoesNotContain("initrd", source, StringComparison.Ordinal);
        Assert.DoesNotContain("virtio", source, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_seed_is_64_bytes_and_new_each_time()
    {
        string first = Seed(Decompile(Full));
        Assert.NotEqual(first, Seed(Decompile(Full)));
        Assert.Equal(64 / 4, first.Split(' ').Length);
    }

    private static string Decompile(MachineTree tree) =>
        Encoding.UTF8.GetString(Dtc.Run("dtb", "dts", tree.ToBytes()).Output);

    private static string Seed(string source) => SeedPattern().Match(source).Groups[1].Value;

    [GeneratedRegex("rng-seed = <([^>]*)>")]
    private static partial Regex SeedPattern();
}
