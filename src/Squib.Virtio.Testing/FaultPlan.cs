namespace Squib.Virtio.Testing;

/// <summary>What goes wrong with each call of a backend, in order. The same plan gives the same faults.</summary>
/// <remarks>All members may be called by any thread.</remarks>
public sealed class FaultPlan
{
    private readonly Lock gate = new();
    private readonly Queue<HostFault> script = new();
    private readonly Random? random;
    private readonly int percent;
    private readonly HostFault[] choice = [];
    private HostFault otherwise;
    private long injected;

    /// <summary>Plans the faults of the first calls; later ones succeed.</summary>
    /// <param name="faults">A fault, or none, for each call.</param>
    public FaultPlan(params ReadOnlySpan<HostFault> faults)
    {
        foreach (HostFault fault in faults) script.Enqueue(fault);
    }

    private FaultPlan(int seed, int percent, HostFault[] choice)
    {
        random = new(seed);
        this.percent = percent;
        this.choice = choice;
    }

    /// <summary>The number of faults so far.</summary>
    public long Injected => Interlocked.Read(ref injected);

    /// <summary>Plans the same fault for every call.</summary>
    /// <param name="fault">The fault.</param>
    public static FaultPlan Always(HostFault fault) => new() { otherwise = fault };

    /// <summary>Plans faults at random.</summary>
    /// <param name="seed">The same seed gives the same faults.</param>
    /// <param name="percent">How many of a hundred calls fail.</param>
    /// <param name="faults">The faults to choose from.</param>
    public static FaultPlan FromSeed(int seed, int percent, params ReadOnlySpan<HostFault> faults) =>
        new(seed, percent, faults.ToArray());

    /// <summary>Plans one more fault behind those that are planned.</summary>
    /// <param name="fault">The fault.</param>
    public void Add(HostFault fault)
    {
        lock (gate) script.Enqueue(fault);
    }

    /// <summary>Changes what happens to the calls behind those that are planned.</summary>
    /// <param name="fault">The fault, or none.</param>
    public void SetOtherwise(HostFault fault)
    {
        lock (gate) otherwise = fault;
    }

    /// <summary>What goes wrong with the next call.</summary>
    public HostFault Next()
    {
        HostFault fault;
        lock (gate)
        {
            bool planned = script.TryDequeue(out fault);
            if (!planned) fault = random?.Next(100) < percent ? choice[random!.Next(choice.Length)] : otherwise;
        }

        if (fault != HostFault.None) Interlocked.Increment(ref injected);
        return fault;
    }

    /// <summary>The exception of a fault, or null if the call does not fail at once.</summary>
    /// <param name="fault">The fault.</param>
    public static Exception? ToException(HostFault fault) => fault switch
    {
        HostFault.IoError => new IOException("Input/output error", 5),
        HostFault.NoSpace => new IOException("No space left on device", 28),
        HostFault.Closed => new ObjectDisposedException("the host's file"),
        _ => null,
    };
}
