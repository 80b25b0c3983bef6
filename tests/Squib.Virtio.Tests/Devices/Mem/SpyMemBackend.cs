using Squib.Virtio.Devices.Mem;

namespace Squib.Virtio.Tests.Devices.Mem;

/// <summary>A backend that maps block by block, and fails at the one it is told.</summary>
internal sealed class SpyMemBackend(long blockBytes) : IMemBackend
{
    public List<string> Calls { get; } = [];

    public HashSet<long> Mapped { get; } = [];

    /// <summary>The block at which mapping fails, once.</summary>
    public long? FailsToPlug { get; set; }

    /// <summary>The block at which unmapping fails, once.</summary>
    public long? FailsToUnplug { get; set; }

    public bool Throws { get; set; }

    public bool TryPlug(long offset, long length)
    {
        Calls.Add($"plug {offset / blockBytes}+{length / blockBytes}");
        for (long i = offset / blockBytes; i < (offset + length) / blockBytes; i++)
        {
            if (i == FailsToPlug)
            {
                FailsToPlug = null;
                return Throws ? throw new IOException("No memory.") : false;
            }

            Mapped.Add(i);
        }

        return true;
    }

    public bool TryUnplug(long offset, long length)
    {
        Calls.Add($"unplug {offset / blockBytes}+{length / blockBytes}");
        for (long i = offset / blockBytes; i < (offset + length) / blockBytes; i++)
        {
            if (i == FailsToUnplug)
            {
                FailsToUnplug = null;
                return Throws ? throw new IOException("Busy.") : false;
            }

            Mapped.Remove(i);
        }

        return true;
    }
}
