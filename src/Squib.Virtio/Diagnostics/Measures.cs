using System.Diagnostics.Metrics;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Diagnostics;

/// <summary>Takes the counts of one device for one instrument.</summary>
internal readonly struct Measures(MeasureKind kind, VirtioMmioTransport transport, List<Measurement<long>> measurements)
{
    /// <summary>Requests, by what they ask for.</summary>
    internal void Requests(string operation, long count) => Add(MeasureKind.Requests, count, "operation", operation);

    /// <summary>Data, by direction.</summary>
    internal void Bytes(long toGuest, long fromGuest)
    {
        Add(MeasureKind.Bytes, toGuest, "direction", "to_guest");
        Add(MeasureKind.Bytes, fromGuest, "direction", "from_guest");
    }

    /// <summary>What went wrong, by reason.</summary>
    internal void Errors(string reason, long count) => Add(MeasureKind.Errors, count, "reason", reason);

    /// <summary>Waits for a limiter, by the direction that it limits.</summary>
    internal void Throttled(long count, string direction = "both") => Add(MeasureKind.Throttled, count, "direction", direction);

    /// <summary>Any count.</summary>
    internal void Add(MeasureKind of, long count, string? key = null, object? value = null)
    {
        if (of != kind) return;
        KeyValuePair<string, object?> device = new("device", transport.TypeName);
        KeyValuePair<string, object?> name = new("name", transport.Name);
        measurements.Add(key is null ? new(count, device, name) : new(count, device, name, new(key, value)));
    }
}
