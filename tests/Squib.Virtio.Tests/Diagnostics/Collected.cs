using System.Diagnostics.Metrics;

namespace Squib.Virtio.Tests.Diagnostics;

/// <summary>What a listener hears of the library's meter about the devices of one test.</summary>
internal sealed class Collected : IDisposable
{
    private readonly MeterListener listener = new();
    private readonly string marker;

    /// <param name="marker">How the names of the test's devices begin: other tests run beside it.</param>
    /// <param name="wanted">The instruments to listen to; null for all.</param>
    internal Collected(string marker, Func<Instrument, bool>? wanted = null)
    {
        this.marker = marker;
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name != "Squib.Virtio" || wanted?.Invoke(instrument) == false) return;
            Instruments.Add(instrument);
            self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.Start();
    }

    internal List<Instrument> Instruments { get; } = [];

    /// <summary>The last values: <c>name{key=value,...}</c> without the name of the device.</summary>
    internal SortedDictionary<string, double> Values { get; } = new(StringComparer.Ordinal);

    /// <summary>How many values each series has had.</summary>
    internal Dictionary<string, int> Counts { get; } = [];

    public void Dispose() => listener.Dispose();

    /// <summary>Looks at the counters.</summary>
    internal Collected Observe()
    {
        listener.RecordObservableInstruments();
        return this;
    }

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (FindName(tags)?.StartsWith(marker, StringComparison.Ordinal) != true) return;
        List<string> texts = [];
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key != "name") texts.Add($"{tag.Key}={tag.Value}");
        }

        string series = $"{instrument.Name["squib.virtio.".Length..]}{{{string.Join(',', texts)}}}";
        lock (Values)
        {
            Values[series] = value;
            Counts[series] = Counts.GetValueOrDefault(series) + 1;
        }
    }

    private static string? FindName(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == "name") return (string?)tag.Value;
        }

        return null;
    }
}
