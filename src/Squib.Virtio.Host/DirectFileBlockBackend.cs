using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Host;

/// <summary>A disk in a raw image file that is read and written past the host's page cache.</summary>
/// <remarks>
/// The guest keeps a cache of its own; a second copy in the host's only takes memory from other guests. Buffers of the guest that
/// are not aligned as the host demands go through one of ours, one request at a time.
/// </remarks>
[SupportedOSPlatform("linux")]
public sealed class DirectFileBlockBackend : IBlockBackend
{
    /// <summary>What offsets, lengths and addresses must be multiples of; a sector, so that every request can be served.</summary>
    private const int Alignment = 512;

    // Enough that an unaligned request of Linux' usual size is served in a few calls.
    private const int BounceBytes = 128 << 10;

    private readonly SafeFileHandle direct;
    private readonly MappedMemory bounce = new(BounceBytes);
    private readonly Lock bouncing = new();
    private long bounced;

    private DirectFileBlockBackend(FileBlockBackend image, SafeFileHandle direct)
    {
        Image = image;
        this.direct = direct;
    }

    /// <summary>The same image through the page cache: it holds the lock, commits, discards, zeroes and changes the size.</summary>
    public FileBlockBackend Image { get; }

    /// <inheritdoc/>
    public long Length => Image.Length;

    /// <inheritdoc/>
    public bool ReadOnly => Image.ReadOnly;

    /// <inheritdoc/>
    public bool CanUnmap => Image.CanUnmap;

    /// <summary>The number of transfers so far that went through a buffer of ours.</summary>
    public long Bounced => Interlocked.Read(ref bounced);

    /// <summary>Opens an image a second time, past the page cache.</summary>
    /// <param name="image">The image; the new backend disposes of it, unless opening fails.</param>
    /// <param name="path">The file that it is.</param>
    /// <exception cref="IOException">The file system, or the storage below it, cannot be read that way.</exception>
    public static DirectFileBlockBackend Open(FileBlockBackend image, string path)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentException.ThrowIfNullOrEmpty(path);
        int access = image.ReadOnly ? Libc.OpenReadOnly : Libc.OpenReadWrite;
        int fd = Libc.Open(path, access | Libc.OpenDirect | Libc.OpenCloseOnExec);
        if (fd < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new IOException(error == Libc.ErrorInvalid
                ? $"{path} lies on a file system that has no way past the page cache."
                : $"{path} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}.");
        }

        DirectFileBlockBackend backend = new(image, new(fd, ownsHandle: true));
        if (backend.CanReadSectors()) return backend;
        backend.Close();
        throw new IOException(
            $"{path} lies on storage whose blocks are larger than {Alignment} bytes; past the page cache it has no sectors.");
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
    {
        while (destination.Length > 0)
        {
            if (!TryReadInPlace(destination.First, offset, out int count)) count = ReadThroughBounce(destination, offset);
            else destination.Advance(count);
            // Somebody has cut the file off. Zeros would be a lie about the data.
            if (count == 0) return new(BlockStatus.IoError);
            offset += count;
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, CancellationToken reset)
    {
        if (ReadOnly || offset + source.Length > Length) return new(BlockStatus.IoError);
        while (source.Length > 0)
        {
            if (!TryWriteInPlace(source.First, offset, out int count)) count = WriteThroughBounce(source, offset);
            else source.Advance(count);
            offset += count;
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    /// <remarks>Past the page cache is not yet on storage: the disk has a cache of its own, and so has a file's size.</remarks>
    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset) => Image.FlushAsync(reset);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset) =>
        Image.DiscardAsync(offset, length, reset);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset) =>
        Image.WriteZeroesAsync(offset, length, mayUnmap, reset);

    /// <summary>Closes the file, which unlocks it.</summary>
    public ValueTask DisposeAsync()
    {
        Close();
        return Image.DisposeAsync();
    }

    private void Close()
    {
        direct.Dispose();
        lock (bouncing) bounce.Dispose();
    }

    private bool CanReadSectors()
    {
        try
        {
            // The second sector of our buffer is at no multiple of more.
            return RandomAccess.Read(direct, bounce.Pieces[0].Span.Slice(Alignment, Alignment), 0) == Alignment;
        }
        catch (IOException)
        {
            return false;
        }
    }

    // SAFETY: the pointer is looked at, not followed; the memory stays in its place while the host uses it.
    private unsafe bool TryReadInPlace(Span<byte> piece, long offset, out int count)
    {
        fixed (byte* start = piece)
        {
            int whole = AlignedPart(start, piece.Length);
            count = whole == 0 ? 0 : RandomAccess.Read(direct, piece[..whole], offset);
            return whole != 0;
        }
    }

    // SAFETY: as above.
    private unsafe bool TryWriteInPlace(ReadOnlySpan<byte> piece, long offset, out int count)
    {
        fixed (byte* start = piece)
        {
            count = AlignedPart(start, piece.Length);
            if (count != 0) RandomAccess.Write(direct, piece[..count], offset);
            return count != 0;
        }
    }

    // SAFETY: as above.
    private static unsafe int AlignedPart(byte* start, int length) => (nuint)start % Alignment == 0 ? length & -Alignment : 0;

    private int ReadThroughBounce(WritableSegments destination, long offset)
    {
        Interlocked.Increment(ref bounced);
        lock (bouncing)
        {
            Span<byte> buffer = bounce.Pieces[0].Span[..(int)Math.Min(destination.Length, BounceBytes)];
            int count = RandomAccess.Read(direct, buffer, offset);
            destination.TryWrite(buffer[..count]);
            return count;
        }
    }

    private int WriteThroughBounce(ReadableSegments source, long offset)
    {
        Interlocked.Increment(ref bounced);
        lock (bouncing)
        {
            Span<byte> buffer = bounce.Pieces[0].Span[..(int)Math.Min(source.Length, BounceBytes)];
            source.TryRead(buffer);
            RandomAccess.Write(direct, buffer, offset);
            return buffer.Length;
        }
    }
}
