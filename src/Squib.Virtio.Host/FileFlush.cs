using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Squib.Virtio.Host;

/// <summary>Commits files, and says so when that fails.</summary>
public static class FileFlush
{
    /// <summary>Has the host write all that it keeps of a file to the storage.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="IOException">The host failed; what it had kept may be lost.</exception>
    public static void ToDisk(SafeFileHandle file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        // .NET 10 makes the same call and throws nothing when it fails.
        while (Libc.Synchronize(file) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != Libc.ErrorInterrupted) throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
    }
}
