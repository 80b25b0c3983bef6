using System.Globalization;

namespace Squib.Fuzz.Engine;

/// <summary>Fuzzes one target on one thread for some time.</summary>
internal sealed class FuzzRun(Executor executor, int seed, TextWriter output)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(30);

    private readonly List<byte[]> inputs = [];

    /// <summary>The inputs that showed something new, those loaded included.</summary>
    internal IReadOnlyList<byte[]> Inputs => inputs;

    internal byte[]? FailedInput { get; private set; }

    internal Exception? Finding { get; private set; }

    /// <summary>Runs until the time is up or something is wrong.</summary>
    internal void Run(IReadOnlyList<byte[]> corpus, TimeSpan duration)
    {
        Random random = new(seed);
        Mutator mutator = new(random, executor.Target.MaxInputBytes);
        foreach (byte[] input in corpus.Append([]))
        {
            if (!TryInput(input, isFresh: false)) return;
        }

        long start = TimeProvider.System.GetTimestamp();
        TimeSpan report = ReportEvery;
        while (TimeProvider.System.GetElapsedTime(start) is var elapsed && elapsed < duration)
        {
            if (elapsed >= report)
            {
                Report(elapsed);
                report += ReportEvery;
            }

            for (int i = 0; i < 256; i++)
            {
                if (!TryInput(mutator.Mutate(Pick(random), Pick(random)), isFresh: true)) return;
            }
        }

        Report(TimeProvider.System.GetElapsedTime(start));
    }

    /// <summary>The fewest of some inputs, shortest first, that show all that they show together.</summary>
    internal static List<byte[]> Minimise(IFuzzTarget target, IEnumerable<byte[]> inputs)
    {
        Executor fresh = new(target);
        List<(byte[] Input, ushort[] Shown)> all = [];
        foreach (byte[] input in inputs.OrderBy(input => input.Length).ThenBy(Corpus.NameOf, StringComparer.Ordinal))
        {
            if (fresh.TryRun(input) is null) all.Add((input, fresh.Behaviour.Current.ToArray()));
        }

        int[] shownBy = new int[1 << 16];
        foreach ((_, ushort[] shown) in all)
        {
            foreach (ushort slot in shown) shownBy[slot]++;
        }

        List<byte[]> kept = [];
        foreach ((byte[] input, ushort[] shown) in Enumerable.Reverse(all))
        {
            if (shown.Any(slot => shownBy[slot] == 1)) kept.Add(input);
            else
            {
                foreach (ushort slot in shown) shownBy[slot]--;
            }
        }

        kept.Reverse();
        return kept;
    }

    private bool TryInput(byte[] input, bool isFresh)
    {
        if (executor.TryRun(input) is { } wrong)
        {
            Type kind = wrong.GetType();
            FailedInput = executor.Trim(input, again => again?.GetType() == kind && again.Message == wrong.Message);
            Finding = executor.TryRun(FailedInput) ?? wrong;
            return false;
        }

        if (!executor.Behaviour.IsNew()) return true;
        if (isFresh)
        {
            HashSet<ushort> shown = [.. executor.Behaviour.Current];
            input = executor.Trim(input, again => again is null && shown.IsSubsetOf(executor.Behaviour.Current.ToArray()));
            if (executor.TryRun(input) is not null) return true;
        }

        executor.Behaviour.Keep();
        inputs.Add(input);
        return true;
    }

    // The latest inputs lead on most often.
    private byte[] Pick(Random random)
    {
        int count = inputs.Count;
        if (count == 0) return [];
        int from = random.Next(3) == 0 ? Math.Max(0, count - 16) : 0;
        return inputs[from + random.Next(count - from)];
    }

    private void Report(TimeSpan elapsed) => output.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{executor.Target.Name}: {executor.Executions} executions in {elapsed.TotalSeconds:f0} s, "
        + $"{executor.Executions / elapsed.TotalSeconds:f0}/s, "
        + $"{inputs.Count} inputs show {executor.Behaviour.Known} things"));
}
