using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using Squib.Virtio.Devices.Pmem;

namespace Squib.Virtio.Host;

/// <summary>A file as memory of a guest, for persistent memory.</summary>
/// <remarks>
/// The file must keep its length while it is mapped: who cuts it under a running machine ends the process, because
/// there is no memory any more where the guest reads. It is locked against other processes that ask for locks.
/// </remarks>
public sealed class MappedFile : IPmemBackend, IDisposable
{
    private readonly SafeFileHandle file;
    private readonly MemoryMappedFile mapping;
    private readonly MemoryMappedViewAccessor view;
    private readonly MappedMemory? tail;
    private readonly NativePages[] pages;
    private readonly long fileBytes;
    private bool disposed;

    private MappedFile(SafeFileHandle file, MappedFileMode mode)
    {
        this.file = file;
        Mode = mode;
        fileBytes = RandomAccess.GetLength(file);
        MemoryMappedFileAccess access = mode switch
        {
            MappedFileMode.ReadOnly => MemoryMappedFileAccess.Read,
            MappedFileMode.Private => MemoryMappedFileAccess.CopyOnWrite,
            _ => MemoryMappedFileAccess.ReadWrite,
        };
        mapping = MemoryMappedFile.CreateFromFile(file, null, 0, access, HandleInheritability.None, leaveOpen: true);
        view = mapping.CreateViewAccessor(0, 0, access);
        long mapped = RoundUp(fileBytes, Environment.SystemPageSize);
        Length = RoundUp(mapped, PmemOptions.Alignment);
        if (Length > mapped) tail = new(Length - mapped);
        pages = [.. Split(Acquire(view), mapped)];
        Pieces = [.. pages.Select(page => page.Memory), .. tail?.Pieces ?? []];
    }

    /// <summary>What the guest may do.</summary>
    public MappedFileMode Mode { get; }

    /// <summary>
    /// The length in bytes: that of the file, rounded up to 2 MiB with zeroes that belong to no file.
    /// </summary>
    public long Length { get; }

    /// <summary>The memory in order, as pieces of at most <see cref="MappedMemory.MaxPieceBytes"/>.</summary>
    public IReadOnlyList<Memory<byte>> Pieces { get; }

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file; where the guest writes to it, its length is a multiple of 2 MiB.</param>
    /// <param name="mode">What the guest may do.</param>
    /// <exception cref="IOException">It cannot be opened or mapped, or another process has locked it.</exception>
    /// <exception cref="UnauthorizedAccessException">The permission is missing.</exception>
    /// <exception cref="InvalidDataException">Its length does not suit.</exception>
    public static MappedFile Open(string path, MappedFileMode mode)
    {
        bool writes = mode == MappedFileMode.Shared;
        SafeFileHandle file = File.OpenHandle(
            path,
            FileMode.Open,
            writes ? FileAccess.ReadWrite : FileAccess.Read,
            writes ? FileShare.None : FileShare.Read);
        try
        {
            long length = RandomAccess.GetLength(file);
            if (length == 0) throw new InvalidDataException($"{path} is empty or not a regular file.");
            if (writes && length % PmemOptions.Alignment != 0)
            {
                throw new InvalidDataException(
                    $"{path} has {length} bytes; persistent memory that is written is a multiple of 2 MiB "
                    + $"({RoundUp(length, PmemOptions.Alignment)} would do).");
            }

            return new(file, mode);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Brings what the guest has written to the storage, on another thread.</summary>
    /// <param name="cancel">Gives up before it has begun.</param>
    /// <exception cref="IOException">The host could not write, or the file has become shorter.</exception>
    public ValueTask FlushAsync(CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        // Nothing of what a guest writes to the other kinds is to last.
        return Mode == MappedFileMode.Shared ? new(Task.Run(Flush, cancel)) : ValueTask.CompletedTask;
    }

    /// <summary>Unmaps and closes the file; a later use of a piece throws.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (NativePages page in pages) page.Forget();
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        mapping.Dispose();
        file.Dispose();
        tail?.Dispose();
    }

    private static long RoundUp(long bytes, int multiple) => (bytes + multiple - 1) / multiple * multiple;

    // SAFETY: the pointer is released once, in Dispose, after the pieces have forgotten it. The host maps whole
    // pages, and the bytes of the last one behind the end of the file are zero.
    private static unsafe nint Acquire(MemoryMappedViewAccessor view)
    {
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        return (nint)pointer;
    }

    private static IEnumerable<NativePages> Split(nint address, long bytes)
    {
        for (long at = 0; at < bytes; at += MappedMemory.MaxPieceBytes)
            yield return new(address + (nint)at, (int)Math.Min(MappedMemory.MaxPieceBytes, bytes - at));
    }

    private void Flush()
    {
        long now = RandomAccess.GetLength(file);
        if (now < fileBytes) throw new IOException($"The file has become {fileBytes - now} bytes shorter.");
        view.Flush();
        FileFlush.ToDisk(file);
    }
}
