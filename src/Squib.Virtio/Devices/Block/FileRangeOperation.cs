using Microsoft.Win32.SafeHandles;

namespace Squib.Virtio.Devices.Block;

/// <summary>What a host can do to a range of a file without writing it, such as punching a hole.</summary>
/// <param name="file">The file.</param>
/// <param name="offset">The offset in bytes; the size of the file does not change, wherever the range lies.</param>
/// <param name="length">The number of bytes, not 0.</param>
/// <returns>Whether it was done, so that the range reads as zeros; false if this file system cannot.</returns>
/// <exception cref="IOException">The file system can, but failed.</exception>
public delegate bool FileRangeOperation(SafeFileHandle file, long offset, long length);
