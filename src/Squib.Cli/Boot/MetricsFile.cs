using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Squib.Virtio.Diagnostics;

namespace Squib.Cli.Boot;

/// <summary>A file with what the library measures, as Prometheus reads it: written every second and at the end.</summary>
/// <remarks>A reader never sees half a file: another one takes its place.</remarks>
internal sealed class MetricsFile : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Lock writing = new();
    private readonly string path;
    private readonly MeterListener listener = new();
    private readonly ITimer timer;
    private readonly SortedDictionary<string, Instrument> instruments = new(StringComparer.Ordinal);
    private readonly Dictionary<Instrument, List<string>> counts = [];
    private readonly Dictionary<(string Device, string Name, string Operation), DurationBuckets> durations = [];
    private bool closed;

    /// <summary>Begins to listen and to write.</summary>
    /// <param name="path">The file, which is overwritten.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="UserErrorException">It cannot be written.</exception>
    public MetricsFile(string path, TimeProvider time)
    {
        this.path = path;
        listener.InstrumentPublished = OnPublished;
        listener.SetMeasurementEventCallback<long>(OnCount);
        listener.SetMeasurementEventCallback<double>(OnDuration);
        listener.Start();
        try
        {
            Write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            listener.Dispose();
            throw new UserErrorException($"The metrics {path} cannot be written: {HostFile.Explain(error, path)}.", error);
        }

        timer = time.CreateTimer(static self => ((MetricsFile)self!).OnTimer(), this, Interval, Interval);
    }

    /// <summary>Writes the file for the last time.</summary>
    public void Dispose()
    {
        timer.Dispose();
        OnTimer();
        lock (writing) closed = true;
        listener.Dispose();
    }

    private static string Text(KeyValuePair<string, object?> tag) => Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "";

    private static string Escape(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Word(Instrument instrument) => instrument.Name.Replace('.', '_');

    private void OnPublished(Instrument instrument, MeterListener self)
    {
        if (instrument.Meter.Name != Meters.Name) return;
        lock (gate) instruments[instrument.Name] = instrument;
        self.EnableMeasurementEvents(instrument);
    }

    private void OnCount(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        StringBuilder line = new(Word(instrument));
        line.Append("_total");
        char before = '{';
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            line.Append(CultureInfo.InvariantCulture, $"{before}{tag.Key}=\"{Escape(Text(tag))}\"");
            before = ',';
        }

        line.Append(CultureInfo.InvariantCulture, $"}} {value}\n");
        if (!counts.TryGetValue(instrument, out List<string>? lines)) counts[instrument] = lines = [];
        lines.Add(line.ToString());
    }

    // Called by the devices, for each request.
    private void OnDuration(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        (string, string, string) key = ((string)tags[0].Value!, (string)tags[1].Value!, (string)tags[2].Value!);
        lock (gate)
        {
            if (!durations.TryGetValue(key, out DurationBuckets? buckets))
                durations[key] = buckets = new(((Histogram<double>)instrument).Advice!.HistogramBucketBoundaries!);
            buckets.Add(value);
        }
    }

    private void OnTimer()
    {
        try
        {
            Write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A disk that is full for a while costs a few versions of the file, not the machine.
        }
    }

    private void Write()
    {
        lock (writing)
        {
            if (closed) return;
            string next = path + ".tmp";
            File.WriteAllText(next, Compose());
            File.Move(next, path, overwrite: true);
        }
    }

    // Devices wait for this lock, and so not for the disk.
    private string Compose()
    {
        lock (gate)
        {
            counts.Clear();
            listener.RecordObservableInstruments();
            StringBuilder text = new();
            foreach (Instrument instrument in instruments.Values) Append(text, instrument);
            return text.ToString();
        }
    }

    private void Append(StringBuilder text, Instrument instrument)
    {
        bool isHistogram = instrument is Histogram<double>;
        string word = Word(instrument) + (isHistogram ? "_seconds" : "_total");
        text.Append(CultureInfo.InvariantCulture, $"# HELP {word} {instrument.Description}\n");
        text.Append(CultureInfo.InvariantCulture, $"# TYPE {word} {(isHistogram ? "histogram" : "counter")}\n");
        if (!isHistogram)
        {
            text.AppendJoin("", counts.GetValueOrDefault(instrument, []));
            return;
        }

        foreach (((string device, string name, string operation), DurationBuckets buckets) in durations)
            buckets.Append(text, word, $"device=\"{Escape(device)}\",name=\"{Escape(name)}\",operation=\"{Escape(operation)}\"");
    }
}
