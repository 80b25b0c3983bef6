using System.Globalization;

namespace Squib.Benchmarks.Ring;

/// <summary>The five ring workloads, interleaved with the C limit in one run.</summary>
internal static class RingBenchmark
{
    internal static List<string> Run(bool quick)
    {
        int rounds = quick ? 5 : 11;
        double milliseconds = quick ? 60 : 200;
        using LimitProcess? limit = LimitProcess.TryStart();
        (string Name, RingRun Run)[] variants =
        [
            ("split", new(packed: false, regions: 1)),
            ("packed", new(packed: true, regions: 1)),
            ("split/4 regions", new(packed: false, regions: 4)),
            ("packed/4 regions", new(packed: true, regions: 4)),
        ];
        List<string> lines = [];
        for (int workload = 1; workload <= 5; workload++)
        {
            foreach ((_, RingRun run) in variants)
            {
                run.Verify(workload);
                // Long enough for the JIT to have replaced its first, slow code.
                for (int i = 0; i < 4; i++) run.Measure(workload, 100);
            }

            double[][] ours = [.. variants.Select(_ => new double[rounds])];
            double[] theirs = new double[rounds];
            double[] bytes = new double[variants.Length];
            for (int round = 0; round < rounds; round++)
            {
                theirs[round] = limit?.Measure(workload, milliseconds) ?? double.NaN;
                for (int v = 0; v < variants.Length; v++)
                    (ours[v][round], bytes[v]) = variants[v].Run.Measure(workload, milliseconds);
            }

            for (int v = 0; v < variants.Length; v++)
            {
                double mine = Median(ours[v]);
                double bound = Median(theirs);
                string line = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{variants[v].Name} W{workload} ours {mine:F1} ns limit {bound:F1} ns ratio {mine / bound:F2} alloc {bytes[v]:F0} B");
                Console.WriteLine(line);
                lines.Add(line);
            }
        }

        foreach ((_, RingRun run) in variants) run.Dispose();
        return lines;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
