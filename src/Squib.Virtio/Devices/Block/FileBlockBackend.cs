using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Block;

/// <summary>A disk in a raw image file.</summary>
/// <remarks>
/// Requests are served synchronously through the host's page cache, straight from and to the guest's memory. The file
/// is locked: one writer alone, or any number of readers. After a failed flush all later ones fail as well, until the
/// image is opened again: the host has dropped the data, and to say that it is safe now would be a lie.
/// </remarks>
public sealed class FileBlockBackend : IBlockBackend
{
    private const int ProbeBytes = 4096;
    private const int ZeroBytes = 65_536;
    private static readonly Lazy<byte[]> Zeros = new(() => new byte[ZeroBytes]);

    private readonly SafeFileHandle file;
    private readonly FileRangeOperation? punchHole;
    private readonly FileRangeOperation? zeroRange;
    private readonly Action<SafeFileHandle> flush;
    private volatile bool flushFailed;

    private FileBlockBackend(
        SafeFileHandle file,
        bool readOnly,
        FileRangeOperation? punchHole,
        FileRangeOperation? zeroRange,
        Action<SafeFileHandle> flush)
    {
        this.file = file;
        this.punchHole = punchHole;
        this.zeroRange = zeroRange;
        this.flush = flush;
        ReadOnly = readOnly;
        // Past the end a hole changes nothing but tells whether the file system can.
        long pastEnd = (Length + ProbeBytes - 1) / ProbeBytes * ProbeBytes;
        CanUnmap = !readOnly && punchHole?.Invoke(file, pastEnd, ProbeBytes) == true;
    }

    /// <inheritdoc/>
    /// <remarks>The size that the file has now, whoever changed it.</remarks>
    public long Length => RandomAccess.GetLength(file);

    /// <inheritdoc/>
    public bool ReadOnly { get; }

    /// <inheritdoc/>
    public bool CanUnmap { get; }

    /// <summary>Opens an image and locks it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="readOnly">Whether it is only read; then other readers may have it too.</param>
    /// <param name="punchHole">
    /// Gives the storage of a range back, if the host can; without it DISCARD does nothing.
    /// </param>
    /// <param name="zeroRange">
    /// Zeros a range and keeps its storage, if the host can; without it zeros are written.
    /// </param>
    /// <param name="flush">
    /// Commits the file, and throws an <see cref="IOException"/> where the host failed to. Without it that is
    /// <see cref="RandomAccess.FlushToDisk"/>, which in .NET 10 says nothing of an <c>fsync</c> that failed on Unix:
    /// give <c>FileFlush.ToDisk</c> of Squib.Virtio.Host where data matters.
    /// </param>
    /// <exception cref="IOException">
    /// The file is absent, a directory, locked by another program, or not to be written.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// The file is empty, or its size is not a multiple of 512 bytes.
    /// </exception>
    public static FileBlockBackend Open(
        string path,
        bool readOnly = false,
        FileRangeOperation? punchHole = null,
        FileRangeOperation? zeroRange = null,
        Action<SafeFileHandle>? flush = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle file = OpenLocked(path, readOnly);
        try
        {
            if (DescribeBadLength(file) is { } fault) throw new InvalidDataException($"{path} {fault}.");
            return new(file, readOnly, punchHole, zeroRange, flush ?? RandomAccess.FlushToDisk);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Changes the size of the file; <see cref="BlockDevice.Resize"/> then tells the guest.</summary>
    /// <param name="bytes">The new size, a multiple of 512 and not 0; new bytes are zeros.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not such a multiple.</exception>
    /// <exception cref="InvalidOperationException">The image is read-only.</exception>
    /// <exception cref="IOException">The host failed.</exception>
    public void SetLength(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes % BlockRequest.SectorBytes, 0, nameof(bytes));
        if (ReadOnly) throw new InvalidOperationException("The image is open for reading only.");
        RandomAccess.SetLength(file, bytes);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(WritableSegments destination, long offset, CancellationToken reset)
    {
        while (destination.Length > 0)
        {
            if (reset.IsCancellationRequested) return new(BlockStatus.IoError);
            int count = RandomAccess.Read(file, destination.First, offset);
            // Somebody has cut the file off. Zeros would be a lie about the data.
            if (count == 0) return new(BlockStatus.IoError);
            destination.Advance(count);
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
            if (reset.IsCancellationRequested) return new(BlockStatus.IoError);
            ReadOnlySpan<byte> piece = source.First;
            RandomAccess.Write(file, piece, offset);
            offset += piece.Length;
            source.Advance(piece.Length);
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync(CancellationToken reset)
    {
        if (ReadOnly) return new(BlockStatus.Ok);
        if (flushFailed) return new(BlockStatus.IoError);
        try
        {
            flush(file);
            return new(BlockStatus.Ok);
        }
        catch (IOException)
        {
            flushFailed = true;
            return new(BlockStatus.IoError);
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> DiscardAsync(long offset, long length, CancellationToken reset)
    {
        if (ReadOnly) return new(BlockStatus.IoError);
        if (CanUnmap) punchHole!(file, offset, length);
        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offset, long length, bool mayUnmap, CancellationToken reset)
    {
        if (ReadOnly || offset + length > Length) return new(BlockStatus.IoError);
        if (mayUnmap && CanUnmap && punchHole!(file, offset, length)) return new(BlockStatus.Ok);
        if (zeroRange?.Invoke(file, offset, length) == true) return new(BlockStatus.Ok);
        while (length > 0)
        {
            if (reset.IsCancellationRequested) return new(BlockStatus.IoError);
            int here = (int)Math.Min(length, ZeroBytes);
            RandomAccess.Write(file, Zeros.Value.AsSpan(0, here), offset);
            offset += here;
            length -= here;
        }

        return new(BlockStatus.Ok);
    }

    /// <summary>Closes the file, which unlocks it.</summary>
    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }

    private static SafeFileHandle OpenLocked(string path, bool readOnly)
    {
        if (Directory.Exists(path)) throw new IOException($"{path} is a directory, not an image.");
        FileAccess access = readOnly ? FileAccess.Read : FileAccess.ReadWrite;
        try
        {
            // On Unix the share modes are flock locks: None is the exclusive one, Read the shared one.
            return File.OpenHandle(path, FileMode.Open, access, readOnly ? FileShare.Read : FileShare.None);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"{path} does not exist.", path, e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || IsReadOnlyFileSystem(e))
        {
            string way = readOnly ? "read" : "written; it can only be attached read-only";
            throw new IOException($"{path} cannot be {way}.", e);
        }
        catch (IOException e) when (IsLocked(e))
        {
            throw new IOException($"{path} is in use by another program.", e);
        }
    }

    /// <summary>EWOULDBLOCK of flock on Linux and macOS, and the sharing violation of Windows.</summary>
    private static bool IsLocked(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x8007_0020);

    /// <summary>EROFS, and ERROR_WRITE_PROTECT of Windows.</summary>
    private static bool IsReadOnlyFileSystem(Exception e) => e.HResult is 30 or unchecked((int)0x8007_0013);

    private static string? DescribeBadLength(SafeFileHandle file)
    {
        try
        {
            long length = RandomAccess.GetLength(file);
            if (length == 0) return "is empty or not a regular file";
            return length % BlockRequest.SectorBytes == 0
                ? null
                : $"has {length} bytes, which is not a multiple of {BlockRequest.SectorBytes}";
        }
        catch (NotSupportedException)
        {
            return "is not a regular file";
        }
    }
}
