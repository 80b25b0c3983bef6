namespace Squib.Virtio.Host;

/// <summary>How large the terminal on standard output is.</summary>
public static class TerminalSize
{
    private const int StandardOutput = 1;

    /// <summary>Asks the terminal.</summary>
    /// <param name="columns">The width in characters.</param>
    /// <param name="rows">The height in characters.</param>
    /// <returns>Whether there is a terminal that knows its size; only Linux is asked.</returns>
    public static bool TryGet(out ushort columns, out ushort rows)
    {
        // struct winsize: rows, columns and two sizes in pixels, 16 bits each.
        Span<ushort> size = stackalloc ushort[4];
        bool known = OperatingSystem.IsLinux() && Libc.Control(StandardOutput, Libc.GetWindowSize, size) == 0
            && size[0] > 0 && size[1] > 0;
        (rows, columns) = known ? (size[0], size[1]) : ((ushort)0, (ushort)0);
        return known;
    }
}
