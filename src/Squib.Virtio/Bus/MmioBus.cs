namespace Squib.Virtio.Bus;

/// <summary>Finds the device that owns an address and passes the access on.</summary>
/// <remarks>
/// Look-ups take no lock: the map is an immutable snapshot that <see cref="Add"/> and <see cref="Remove"/> replace.
/// An access that nobody owns, or that leaves the range of its owner, reads as zero, writes nothing and is counted.
/// </remarks>
public sealed class MmioBus
{
    private readonly Lock mapLock = new();
    private Map map = new([], [], []);
    private long unclaimed;

    /// <summary>The number of accesses so far that no device owned.</summary>
    public long UnclaimedAccesses => Interlocked.Read(ref unclaimed);

    /// <summary>Places a device on the bus.</summary>
    /// <param name="range">The addresses it answers.</param>
    /// <param name="device">The device.</param>
    /// <exception cref="ArgumentException">The range overlaps that of a device already there.</exception>
    public void Add(MmioRange range, IBusDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfZero(range.Length, nameof(range));
        lock (mapLock)
        {
            int at = 0;
            while (at < map.Starts.Length && map.Starts[at] < range.Start) at++;
            for (int i = 0; i < map.Starts.Length; i++)
            {
                MmioRange taken = new(map.Starts[i], map.Lengths[i]);
                if (range.Overlaps(taken)) throw new ArgumentException($"{range} overlaps {taken}.", nameof(range));
            }

            map = new(
                [.. map.Starts[..at], range.Start, .. map.Starts[at..]],
                [.. map.Lengths[..at], range.Length, .. map.Lengths[at..]],
                [.. map.Devices[..at], device, .. map.Devices[at..]]);
        }
    }

    /// <summary>Takes a device off the bus; accesses that are under way may still reach it.</summary>
    /// <param name="device">The device.</param>
    /// <returns>Whether it was there.</returns>
    public bool Remove(IBusDevice device)
    {
        lock (mapLock)
        {
            int at = Array.IndexOf(map.Devices, device);
            if (at < 0) return false;
            map = new(
                [.. map.Starts[..at], .. map.Starts[(at + 1)..]],
                [.. map.Lengths[..at], .. map.Lengths[(at + 1)..]],
                [.. map.Devices[..at], .. map.Devices[(at + 1)..]]);
            return true;
        }
    }

    /// <summary>Reads from the device that owns an address; zero if there is none.</summary>
    /// <param name="address">A guest-physical address.</param>
    /// <param name="data">The destination; its length is the width of the access.</param>
    public void Read(ulong address, Span<byte> data)
    {
        if (Find(address, data.Length, out ulong offset) is { } device) device.Read(offset, data);
        else data.Clear();
    }

    /// <summary>Writes to the device that owns an address; nothing happens if there is none.</summary>
    /// <param name="address">A guest-physical address.</param>
    /// <param name="data">The value, little-endian; its length is the width of the access.</param>
    public void Write(ulong address, ReadOnlySpan<byte> data) => Find(address, data.Length, out ulong offset)?.Write(offset, data);

    private IBusDevice? Find(ulong address, int width, out ulong offset)
    {
        Map now = Volatile.Read(ref map);
        ulong[] starts = now.Starts;
        int low = 0;
        int high = starts.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (starts[middle] <= address) low = middle + 1;
            else high = middle;
        }

        int at = low - 1;
        if ((uint)at < (uint)starts.Length)
        {
            offset = address - starts[at];
            ulong length = now.Lengths[at];
            if (offset < length && (ulong)width <= length - offset) return now.Devices[at];
        }

        offset = 0;
        Interlocked.Increment(ref unclaimed);
        return null;
    }

    private sealed record Map(ulong[] Starts, ulong[] Lengths, IBusDevice[] Devices);
}
