namespace Squib.Cli.Boot;

/// <summary>What devices there shall be that have to do with memory.</summary>
internal sealed record MemoryDeviceOptions
{
    /// <summary>What is plugged and unplugged at once, in bytes.</summary>
    public const long BlockBytes = 2 << 20;

    /// <summary>The size of what Linux puts into use at once, in bytes, and so of hot-plugged memory.</summary>
    public const long HotplugGranule = 128 << 20;

    private const string BalloonForm = "target=SIZE";
    private const string PmemForm = "file=PATH[,ro|private]";
    private const string HotplugForm = "size=SIZE[,requested=SIZE]";

    /// <summary>What the balloon asks for at first, in bytes; null for no balloon.</summary>
    public long? BalloonTarget { get; init; }

    /// <summary>The files that are persistent memory, in their order.</summary>
    public IReadOnlyList<PmemFileOptions> PmemFiles { get; init; } = [];

    /// <summary>How much memory can be plugged at most, in bytes; 0 for none.</summary>
    public long HotplugBytes { get; init; }

    /// <summary>How much shall be plugged at first, in bytes.</summary>
    public long HotplugRequested { get; init; }

    /// <summary>Whether there is a boot timer.</summary>
    public bool BootTimer { get; init; }

    /// <summary>The number of devices.</summary>
    public int Count =>
        (BalloonTarget is null ? 0 : 1) + PmemFiles.Count + (HotplugBytes > 0 ? 1 : 0) + (BootTimer ? 1 : 0);

    /// <summary>Reads the texts of the options.</summary>
    /// <param name="balloon">That of <c>--balloon</c>, which may be empty; null for no balloon.</param>
    /// <param name="pmem">Those of <c>--pmem</c>.</param>
    /// <param name="hotplug">That of <c>--hotplug-memory</c>, or null.</param>
    /// <param name="bootTimer">Whether <c>--boot-timer</c> is given.</param>
    /// <exception cref="UserErrorException">One of them makes no sense.</exception>
    public static MemoryDeviceOptions Parse(string? balloon, IEnumerable<string> pmem, string? hotplug, bool bootTimer)
    {
        (long bytes, long requested) = hotplug is null ? default : ParseHotplug(hotplug);
        return new()
        {
            BalloonTarget = balloon is null ? null : ParseBalloon(balloon),
            PmemFiles = [.. pmem.Select(ParsePmem)],
            HotplugBytes = bytes,
            HotplugRequested = requested,
            BootTimer = bootTimer,
        };
    }

    private static long ParseBalloon(string text) =>
        KeyList.Parse("--balloon", text, BalloonForm, ["target"]).Size("target", 4096);

    private static PmemFileOptions ParsePmem(string text)
    {
        KeyList keys = KeyList.Parse("--pmem", text, PmemForm, ["file"], "ro", "private");
        if (keys.Has("ro") && keys.Has("private")) throw keys.Error("it is both read-only and private");
        return new(keys.Require("file"), keys.Has("ro"), keys.Has("private"));
    }

    private static (long Bytes, long Requested) ParseHotplug(string text)
    {
        KeyList keys = KeyList.Parse("--hotplug-memory", text, HotplugForm, ["size", "requested"]);
        keys.Require("size");
        long bytes = keys.Size("size", HotplugGranule);
        long requested = keys.Size("requested", BlockBytes);
        if (bytes == 0) throw keys.Error("the size is 0");
        return requested <= bytes ? (bytes, requested) : throw keys.Error("more is requested than the size");
    }
}
