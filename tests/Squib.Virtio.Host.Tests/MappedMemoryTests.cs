using Xunit;

namespace Squib.Virtio.Host.Tests;

public sealed class MappedMemoryTests
{
    private const int Page = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Memory_is_zero_at_first_and_keeps_what_is_written(bool portable)
    {
        using MappedMemory memory = new(16 * Page, portable);
        Span<byte> bytes = memory.Pieces[0].Span;
        Assert.Equal(-1, bytes.IndexOfAnyExcept((byte)0));
        bytes[^1] = 7;
        Assert.Equal(7, memory.Pieces[0].Span[(16 * Page) - 1]);
    }

    [Fact]
    public void More_than_a_piece_is_split_at_one_GiB()
    {
        using MappedMemory memory = new((2L * MappedMemory.MaxPieceBytes) + Page);
        int[] expected = [MappedMemory.MaxPieceBytes, MappedMemory.MaxPieceBytes, Page];
        Assert.Equal(expected, memory.Pieces.Select(piece => piece.Length));
    }

    [Fact]
    public void Setting_much_memory_aside_does_not_occupy_it()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux maps without a reservation.");
        using MappedMemory memory = new(64L << 30);
        memory.Pieces[^1].Span[^1] = 1;
        Assert.Equal(64L << 30, memory.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Discarded_pages_read_as_zero_and_their_neighbours_stay(bool portable)
    {
        using MappedMemory memory = new(3 * Page, portable);
        memory.Pieces[0].Span.Fill(1);
        bool discarded = memory.TryDiscard(Page, Page);
        Assert.Equal(OperatingSystem.IsLinux() && !portable, discarded);
        Assert.Equal(1, memory.Pieces[0].Span[Page - 1]);
        Assert.Equal(-1, memory.Pieces[0].Span.Slice(Page, Page).IndexOfAnyExcept((byte)0));
        Assert.Equal(1, memory.Pieces[0].Span[2 * Page]);
    }

    [Theory]
    [InlineData(-Page, Page)]
    [InlineData(0, 4 * Page)]
    [InlineData(2 * Page, long.MaxValue)]
    public void A_range_outside_cannot_be_discarded(long offset, long length)
    {
        using MappedMemory memory = new(3 * Page);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.TryDiscard(offset, length));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-Page)]
    [InlineData(Page + 1)]
    public void A_length_that_is_no_number_of_pages_is_refused(long bytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new MappedMemory(bytes));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_the_host_does_not_have_is_refused_with_the_amount(bool portable)
    {
        InsufficientMemoryException error =
            Assert.Throws<InsufficientMemoryException>(() => new MappedMemory(1L << 60, portable));
        Assert.Contains($"{1L << 40} MiB", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_piece_cannot_be_used_after_the_end()
    {
        MappedMemory memory = new(Page);
        Memory<byte> piece = memory.Pieces[0];
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => piece.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => piece.Pin());
        Assert.Throws<ObjectDisposedException>(() => memory.TryDiscard(0, Page));
    }
}
