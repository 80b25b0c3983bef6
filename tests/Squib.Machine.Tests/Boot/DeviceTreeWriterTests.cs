using System.Buffers.Binary;
using Squib.Machine.Boot;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed class DeviceTreeWriterTests
{
    [Fact]
    public void A_small_tree_is_written_byte_for_byte()
    {
        byte[] blob = new DeviceTreeWriter()
            .BeginNode("")
            .Cells("a", 1)
            .BeginNode("n@1").Text("b", "x", "yz").Flag("a").EndNode()
            .EndNode()
            .Finish();
        uint[] cells = [.. blob.Chunk(4).Select(cell => BinaryPrimitives.ReadUInt32BigEndian(cell))];
        Assert.Equal(
            [
                0xD00DFEED, 136, 56, 132, 40, 17, 16, 0, 4, 76, // header
                0, 0, 0, 0, // no reservations
                1, 0, // root
                3, 4, 0, 1, // a = <1>
                1, 0x6E403100, // n@1
                3, 5, 2, 0x7800797A, 0, // b = "x", "yz"
                3, 0, 0, // a
                2, 2, 9,
                0x61006200, // names
            ],
            cells);
    }

    [Fact]
    public void Numbers_are_two_cells_and_bytes_are_padded()
    {
        byte[] blob = new DeviceTreeWriter()
            .BeginNode("").Numbers("n", 0x1_0000_0002).Bytes("b", [9]).EndNode()
            .Finish();
        Assert.Equal([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 9, 0, 0, 0], blob[76..100]);
    }

    [Fact]
    public void A_tree_that_is_not_one_is_refused()
    {
        Assert.Throws<InvalidOperationException>(() => new DeviceTreeWriter().EndNode());
        Assert.Throws<InvalidOperationException>(() => new DeviceTreeWriter().Flag("a"));
        Assert.Throws<InvalidOperationException>(() => new DeviceTreeWriter().BeginNode("").Finish());
    }
}
