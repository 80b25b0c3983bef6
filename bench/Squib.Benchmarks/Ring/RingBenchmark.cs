using System.Globalization;

namespace Squib.Benchmarks.Ring;

/// <summary>The five ring workloads, interleaved with the C limit in one run.</summary>
internal static class RingBenchmark
{
    internal static List<string> Run(bool quick)
    {
        int rounds = quick ? 9 : 25;
        double milliseconds = quick ? 40 : 100;
        using RingProcess? limit = RingProcess.TryStartLimit();
        (string Name, RingProcess Process)[] variants =
        [
            ("split", RingProcess.StartVariant(packed: false, regions: 1)),
            ("packed", RingProcess.StartVariant(packed: true, regions: 1)),
            ("split/4 regions", RingProcess.StartVariant(packed: false, regions: 4)),
            ("packed/4 regions", RingProcess.StartVariant(packed: true, regions: 4)),
        ];
        List<string> lines = [];
        for (int workload = 1; workload <= 5; workload++)
        {
            double[][] ours = [.. variants.Select(_ => new double[rounds])];
            double[] theirs = new double[rounds];
            string[] bytes = new string[variants.Length];
            // The first round verifies and warms up.
            for (int round = -1; round < rounds; round++)
            {
                int slot = Math.Max(round, 0);
                theirs[slot] = limit?.Measure(workload, milliseconds).Nanoseconds ?? double.NaN;
                for (int v = 0; v < variants.Length; v++)
                    (ours[v][slot], bytes[v]) = variants[v].Process.Measure(workload, milliseconds);
            }

            for (int v = 0; v < variants.Length; v++)
            {
                double mine = Median(ours[v]);
                double bound = Median(theirs);
                string line = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{variants[v].Name} W{workload} ours {mine:F1} ns limit {bound:F1} ns ratio {mine / bound:F2} alloc {bytes[v]} B");
                Console.WriteLine(line);
                lines.Add(line);
            }
        }

        foreach ((_, RingProcess process) in variants) process.Dispose();
        return lines;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
