using System.Diagnostics;
using System.Diagnostics.Metrics;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Diagnostics;

/// <summary>What the library measures, by <see cref="System.Diagnostics.Metrics"/>; docs/metrics.md describes all of it.</summary>
/// <remarks>
/// Counters are read from the devices when somebody looks, so that a request pays nothing for them. The values of tags
/// are words of this library, numbers of queues and names that the host gives: nothing that a guest says.
/// </remarks>
public static class Meters
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Squib.Virtio";

    private static readonly Meter Meter = new(Name);

    // Devices that nobody disposes of must not live for the sake of their measurements.
    private static readonly List<WeakReference<VirtioMmioTransport>> Transports = [];
    private static readonly Lock Gate = new();

    static Meters()
    {
        Create(MeasureKind.Requests, "{request}", "Requests of drivers.");
        Create(MeasureKind.Bytes, "By", "Data of requests.");
        Create(MeasureKind.Errors, "{error}", "What went wrong, by reason.");
        Create(MeasureKind.DroppedChains, "{chain}", "Chains of descriptors that were returned unserved, by fault.");
        Create(MeasureKind.Chains, "{chain}", "Chains of descriptors that were taken from a queue.");
        Create(MeasureKind.Notifications, "{notification}", "Notifications of drivers.");
        Create(MeasureKind.Interrupts, "{interrupt}", "Interrupts of drivers.");
        Create(MeasureKind.Throttled, "{wait}", "How often a queue had to wait for its limiter.");
        Create(MeasureKind.SuppressedLogs, "{line}", "Lines of the log that were left out because there were too many of their kind.");
    }

    /// <summary>How long requests took, from their being taken to their answers.</summary>
    internal static Histogram<double> RequestDuration { get; } = Meter.CreateHistogram(
        "squib.virtio.request.duration",
        "s",
        "The time from the taking of a request to its answer.",
        tags: null,
        new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [1e-6, 1e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        });

    /// <summary>The time stamp of a request that begins; 0 while nobody listens, which costs nothing more.</summary>
    internal static long Begin() => RequestDuration.Enabled ? Stopwatch.GetTimestamp() : 0;

    /// <summary>Records how long a request took.</summary>
    internal static void End(long begun, string device, string name, string operation)
    {
        if (begun == 0) return;
        RequestDuration.Record(
            Stopwatch.GetElapsedTime(begun).TotalSeconds, new("device", device), new("name", name), new("operation", operation));
    }

    internal static void Add(VirtioMmioTransport transport)
    {
        lock (Gate)
        {
            Transports.RemoveAll(static one => !one.TryGetTarget(out _));
            Transports.Add(new(transport));
        }
    }

    internal static void Remove(VirtioMmioTransport transport)
    {
        lock (Gate) Transports.RemoveAll(one => !one.TryGetTarget(out VirtioMmioTransport? live) || ReferenceEquals(live, transport));
    }

    private static void Create(MeasureKind kind, string unit, string description)
    {
        string words = string.Concat(kind.ToString().Select((letter, i) => char.IsUpper(letter) && i > 0 ? $"_{letter}" : $"{letter}"));
        Meter.CreateObservableCounter($"squib.virtio.{words.ToLowerInvariant()}", () => Observe(kind), unit, description);
    }

    private static List<Measurement<long>> Observe(MeasureKind kind)
    {
        List<Measurement<long>> measurements = [];
        foreach (VirtioMmioTransport transport in List()) transport.Measure(new(kind, transport, measurements));
        return measurements;
    }

    private static List<VirtioMmioTransport> List()
    {
        List<VirtioMmioTransport> live = [];
        lock (Gate)
        {
            foreach (WeakReference<VirtioMmioTransport> one in Transports)
            {
                if (one.TryGetTarget(out VirtioMmioTransport? transport)) live.Add(transport);
            }
        }

        return live;
    }
}
