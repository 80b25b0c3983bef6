using System.Globalization;
using System.Text;

namespace Squib.Cli.Boot;

/// <summary>One series of a histogram.</summary>
/// <param name="bounds">The upper bounds of its buckets, in seconds, ascending.</param>
internal sealed class DurationBuckets(IReadOnlyList<double> bounds)
{
    private readonly long[] counts = new long[bounds.Count + 1];
    private double sum;

    /// <summary>Counts a value.</summary>
    /// <param name="value">The value.</param>
    public void Add(double value)
    {
        int i = 0;
        while (i < bounds.Count && value > bounds[i]) i++;
        counts[i]++;
        sum += value;
    }

    /// <summary>Writes the series as Prometheus reads it: each bucket counts those before it too.</summary>
    /// <param name="text">Where to.</param>
    /// <param name="word">The name of the metric.</param>
    /// <param name="labels">The labels.</param>
    public void Append(StringBuilder text, string word, string labels)
    {
        long total = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            string bound = i < bounds.Count ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            text.Append(CultureInfo.InvariantCulture, $"{word}_bucket{{{labels},le=\"{bound}\"}} {total}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"{word}_sum{{{labels}}} {sum}\n");
        text.Append(CultureInfo.InvariantCulture, $"{word}_count{{{labels}}} {total}\n");
    }
}
