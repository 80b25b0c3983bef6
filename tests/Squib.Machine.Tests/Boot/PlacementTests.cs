using Squib.Machine.Boot;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed class PlacementTests
{
    private const ulong MiB = 1 << 20;
    private const ulong Ram = MemoryMap.RamStart;

    [Fact]
    public void A_machine_of_ordinary_size_has_its_initrd_at_256_MiB_and_its_tree_in_the_last_2()
    {
        Placement places = Placement.Find(512 * MiB, Images.Kernel(28 * MiB), 4 * MiB);
        Assert.Equal(Ram + (2 * MiB), places.Kernel);
        Assert.Equal(Ram + (256 * MiB), places.Initrd);
        Assert.Equal(Ram + (510 * MiB), places.DeviceTree);
    }

    [Fact]
    public void A_kernel_that_wants_an_offset_gets_it() =>
        Assert.Equal(Ram + (2 * MiB) + 0x80000, Placement.Find(64 * MiB, Images.Kernel(textOffset: 0x80000), 0).Kernel);

    [Fact]
    public void Behind_a_huge_kernel_the_initrd_begins_16_MiB_later() =>
        Assert.Equal(Ram + (320 * MiB), Placement.Find(512 * MiB, Images.Kernel((300 * MiB) + 1), 0x1000).Initrd);

    [Theory]
    [InlineData(64)]
    [InlineData(256)]
    [InlineData(258)]
    public void In_a_small_machine_the_initrd_begins_right_behind_the_kernel(ulong mebibytes) =>
        Assert.Equal(Ram + (32 * MiB), Placement.Find(mebibytes * MiB, Images.Kernel((28 * MiB) + 1), 4 * MiB).Initrd);

    [Theory]
    [InlineData(38, true)]
    [InlineData(37, false)]
    public void The_smallest_machine_holds_kernel_initrd_and_tree(ulong mebibytes, bool fits)
    {
        Exception? thrown = Record.Exception(() => Placement.Find(mebibytes * MiB, Images.Kernel(28 * MiB), 6 * MiB));
        const string Expected = "The initrd of 6291456 bytes does not fit into 37 MiB of RAM: 1 MiB more are needed.";
        Assert.Equal(fits ? null : Expected, thrown?.Message);
    }

    [Theory]
    [InlineData(
        28 * MiB,
        "The kernel, which needs 29360128 bytes, does not fit into 16 MiB of RAM: 16 MiB more are needed.")]
    [InlineData(
        ulong.MaxValue,
        "The kernel, which needs 18446744073709551615 bytes, does not fit into 16 MiB of RAM: "
        + "17592186044404 MiB more are needed.")]
    public void A_kernel_that_does_not_fit_is_refused_with_what_is_missing(ulong imageSize, string message)
    {
        ArgumentException refusal =
            Assert.Throws<ArgumentException>(() => Placement.Find(16 * MiB, Images.Kernel(imageSize), 0));
        Assert.Equal(message, refusal.Message);
    }
}
