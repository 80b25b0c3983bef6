using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Block;

/// <summary>A disk in memory.</summary>
public sealed class MemoryBlockBackend : IBlockBackend
{
    private readonly Memory<byte> bytes;

    /// <summary>Makes a disk of memory that stays its owner's.</summary>
    /// <param name="bytes">The memory; its length is a multiple of 512.</param>
    /// <param name="readOnly">Whether it cannot be written.</param>
    /// <exception cref="ArgumentException">The length is not a multiple of 512.</exception>
    public MemoryBlockBackend(Memory<byte> bytes, bool readOnly = false)
    {
        if (bytes.Length % BlockRequest.SectorBytes != 0)
            throw new ArgumentException($"{bytes.Length} bytes are not whole sectors of 512 bytes.", nameof(bytes));
        this.bytes = bytes;
        ReadOnly = readOnly;
    }

    /// <inheritdoc/>
    public long Length => bytes.Length;

    /// <inheritdoc/>
    public bool ReadOnly { get; }

    /// <inheritdoc/>
    public bool CanUnmap => false;

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
    {
        ReadOnlySpan<byte> source = bytes.Span.Slice((int)offset, (int)destination.Length);
        return new(destination.TryWrite(source) ? BlockStatus.Ok : BlockStatus.IoError);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset)
    {
        if (ReadOnly) return new(BlockStatus.IoError);
        Span<byte> destination = bytes.Span.Slice((int)offset, (int)source.Length);
        return new(source.TryRead(destination) ? BlockStatus.Ok : BlockStatus.IoError);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => new(BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) =>
        new(BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset)
    {
        if (ReadOnly) return new(BlockStatus.IoError);
        bytes.Span.Slice((int)offset, (int)length).Clear();
        return new(BlockStatus.Ok);
    }

    /// <summary>Does nothing: the memory is its owner's.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
