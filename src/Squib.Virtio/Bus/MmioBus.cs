namespace Squib.Virtio.Bus;

/// <summary>Finds the device that owns an address and passes the access on.</summary>
/// <remarks>
/// Look-ups take no lock: the map is an immutable snapshot that <see cref="Add"/> and <see cref="Remove"/> replace.
/// An access that nobody owns, or that leaves the range of its owner, reads as zero, writes nothing and is counted.
/// </remarks>
public sealed class MmioBus
{
    private readonly Lock mapLock = new();
    private Map map = new([]);
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
            foreach (Window taken in map.Windows)
            {
                if (range.Overlaps(taken.Range)) throw new ArgumentException($"{range} overlaps {taken.Range}.", nameof(range));
            }

            Replace([.. map.Windows.Append(new(range, device)).OrderBy(window => window.Start)]);
        }
    }

    /// <summary>Takes a device off the bus; accesses that are under way may still reach it.</summary>
    /// <param name="device">The device.</param>
    /// <returns>Whether it was there.</returns>
    public bool Remove(IBusDevice device)
    {
        lock (mapLock)
        {
            Window[] others = [.. map.Windows.Where(window => window.Device != device)];
            if (others.Length == map.Windows.Length) return false;
            Replace(others);
            return true;
        }
    }

    /// <summary>Reads from the device that owns an address; zero if there is none.</summary>
    /// <param name="address">A guest-physical address.</param>
    /// <param name="data">The destination; its length is the width of the access.</param>
    public void Read(ulong address, Span<byte> data)
    {
        if (Find(address, data.Length) is { } window) window.Device.Read(address - window.Start, data);
        else data.Clear();
    }

    /// <summary>Writes to the device that owns an address; nothing happens if there is none.</summary>
    /// <param name="address">A guest-physical address.</param>
    /// <param name="data">The value, little-endian; its length is the width of the access.</param>
    public void Write(ulong address, ReadOnlySpan<byte> data)
    {
        if (Find(address, data.Length) is { } window) window.Device.Write(address - window.Start, data);
    }

    private void Replace(Window[] windows) => Volatile.Write(ref map, new(windows));

    private Window? Find(ulong address, int width)
    {
        // Accesses come in runs to one device. What was found last belongs to the snapshot, so it goes with it.
        Map now = Volatile.Read(ref map);
        Window? last = Volatile.Read(ref now.Last);
        return last is not null && last.Holds(address, width) ? last : Search(now, address, width);
    }

    private Window? Search(Map now, ulong address, int width)
    {
        Window[] windows = now.Windows;
        int low = 0;
        int high = windows.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (windows[middle].Start <= address) low = middle + 1;
            else high = middle;
        }

        if (low > 0 && windows[low - 1].Holds(address, width))
        {
            Volatile.Write(ref now.Last, windows[low - 1]);
            return windows[low - 1];
        }

        Interlocked.Increment(ref unclaimed);
        return null;
    }

    private sealed class Window(MmioRange range, IBusDevice device)
    {
        internal readonly ulong Start = range.Start;
        internal readonly IBusDevice Device = device;
        private readonly ulong length = range.Length;

        internal MmioRange Range => new(Start, length);

        internal bool Holds(ulong address, int width)
        {
            ulong offset = address - Start;
            return offset < length && (ulong)width <= length - offset;
        }
    }

    private sealed class Map(Window[] windows)
    {
        internal readonly Window[] Windows = windows;
        internal Window? Last;
    }
}
