namespace Squib.Virtio.Tests.Hostile;

/// <summary>Every device of the library, by name, with the number of its queues.</summary>
internal static class Victims
{
    public static IReadOnlyDictionary<string, (int Queues, Func<Victim> Make)> All { get; } =
        new Dictionary<string, (int, Func<Victim>)>
        {
            ["block"] = (1, () => new BlockVictim()),
            ["net"] = (3, () => new NetVictim()),
            ["vsock"] = (3, () => new VsockVictim()),
            ["balloon"] = (5, () => new BalloonVictim()),
            ["rng"] = (1, () => new RngVictim()),
            ["console"] = (2, () => new ConsoleVictim(ports: 1)),
            ["console with ports"] = (6, () => new ConsoleVictim(ports: 2)),
            ["pmem"] = (1, () => new PmemVictim()),
            ["mem"] = (1, () => new MemVictim()),
        };

    /// <summary>Each queue of each device.</summary>
    public static IEnumerable<(string Name, int Queue)> Queues =>
        All.SelectMany(victim => Enumerable.Range(0, victim.Value.Queues).Select(queue => (victim.Key, queue)));
}
