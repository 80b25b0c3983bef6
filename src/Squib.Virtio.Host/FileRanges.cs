using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Squib.Virtio.Host;

/// <summary>What Linux can do to a range of a file without writing it.</summary>
/// <remarks>Both methods have the form that a file backend of a block device takes.</remarks>
[SupportedOSPlatform("linux")]
public static class FileRanges
{
    /// <summary>Gives the storage of a range back; the range reads as zeros and the file keeps its size.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">The number of bytes, not 0.</param>
    /// <returns>Whether it was done; false where the file system cannot.</returns>
    /// <exception cref="IOException">The file system can, but failed.</exception>
    public static bool PunchHole(SafeFileHandle file, long offset, long length) =>
        Allocate(file, Libc.FallocatePunchHole | Libc.FallocateKeepSize, offset, length);

    /// <summary>Makes a range read as zeros and keeps its storage; the file keeps its size.</summary>
    /// <param name="file">The file, open for writing.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">The number of bytes, not 0.</param>
    /// <returns>Whether it was done; false where the file system cannot.</returns>
    /// <exception cref="IOException">The file system can, but failed.</exception>
    public static bool Zero(SafeFileHandle file, long offset, long length) =>
        Allocate(file, Libc.FallocateZeroRange | Libc.FallocateKeepSize, offset, length);

    private static bool Allocate(SafeFileHandle file, int mode, long offset, long length)
    {
        ArgumentNullException.ThrowIfNull(file);
        while (Libc.Allocate(file, mode, (nint)offset, (nint)length) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is Libc.ErrorNotSupported or Libc.ErrorNoSystemCall) return false;
            if (error != Libc.ErrorInterrupted) throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }

        return true;
    }
}
