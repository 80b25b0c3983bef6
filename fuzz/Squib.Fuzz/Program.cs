using System.Globalization;
using Squib.Fuzz.Engine;

namespace Squib.Fuzz;

/// <summary>The command line: fuzz a target for some minutes, list the targets, replay inputs.</summary>
internal static class Program
{
    private const string Usage =
        """
        squib-fuzz TARGET [--minutes N] [--seed S] [--corpus DIR] [--jobs N]   fuzz, and keep what showed something new
        squib-fuzz list                                                        the targets
        squib-fuzz replay TARGET [FILE...]                                     run inputs, by default the corpus
        squib-fuzz minimise TARGET [--corpus DIR]                              leave out of the corpus what shows nothing of its own
        squib-fuzz coverage FILE                                               the table of a Cobertura file from the coverage collector
        """;

    /// <summary>No execution takes a thousandth of this.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);

    internal static int Main(string[] arguments)
    {
        if (arguments is ["list"])
        {
            foreach (IFuzzTarget target in FuzzTargets.CreateAll()) Console.WriteLine($"{target.Name,-12} {target.Purpose}");
            return 0;
        }

        if (arguments is ["replay", var name, ..] && FuzzTargets.TryCreate(name) is { } replayed) return Replay(replayed, arguments[2..]);
        if (arguments is ["minimise", var which, ..] && FuzzTargets.TryCreate(which) is { } large)
        {
            string folder = Options.TryRead(arguments[1..])?.Corpus ?? Corpus.Find(which);
            Corpus.Save(folder, FuzzRun.Minimise(large, Corpus.Load(folder)));
            return 0;
        }

        if (arguments is ["coverage", var report])
        {
            CoverageReport.Write(report, Console.Out);
            return 0;
        }

        if (Options.TryRead(arguments) is { } options && FuzzTargets.TryCreate(options.Target) is not null) return Fuzz(options);
        Console.Error.WriteLine(Usage);
        return 2;
    }

    private static int Replay(IFuzzTarget target, string[] files)
    {
        if (files.Length == 0) files = [.. Directory.EnumerateFiles(Corpus.Find(target.Name)).Order(StringComparer.Ordinal)];
        Executor executor = new(target);
        int bad = 0;
        foreach (string file in files)
        {
            if (executor.TryRun(File.ReadAllBytes(file)) is not { } wrong) continue;
            Console.WriteLine($"{file}: {wrong}");
            bad++;
        }

        Console.WriteLine($"{files.Length} inputs, {bad} findings");
        return bad == 0 ? 0 : 1;
    }

    private static int Fuzz(Options options)
    {
        string folder = options.Corpus ?? Corpus.Find(options.Target);
        List<byte[]> corpus = Corpus.Load(folder);
        Executor[] executors = [.. Enumerable.Range(0, options.Jobs).Select(_ => new Executor(FuzzTargets.TryCreate(options.Target)!))];
        FuzzRun[] runs = [.. executors.Select((executor, i) => new FuzzRun(executor, options.Seed + i, Console.Out))];
        Console.WriteLine($"{options.Target}: seed {options.Seed}, {corpus.Count} inputs in {folder}");
        TimeSpan before = Environment.CpuUsage.TotalTime;
        using (new Timer(_ => FailIfHung(executors), null, Hang, Hang))
        {
            Thread[] threads = [.. runs.Select(run => new Thread(() => run.Run(corpus, options.Duration)))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();
        }

        double seconds = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        long executions = executors.Sum(executor => executor.Executions);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{options.Target}: {executions} executions, {seconds:f1} s of CPU, {executions / seconds:f0} executions per second of CPU"));
        Corpus.Save(folder, FuzzRun.Minimise(FuzzTargets.TryCreate(options.Target)!, runs.SelectMany(run => run.Inputs)));
        int findings = 0;
        foreach (FuzzRun run in runs)
        {
            if (run.FailedInput is not { } input) continue;
            Report(options.Target, input, run.Finding!.ToString());
            findings++;
        }

        return findings == 0 ? 0 : 1;
    }

    private static void FailIfHung(Executor[] executors)
    {
        if (executors.FirstOrDefault(executor => executor.Elapsed > Hang) is not { } hung) return;
        Report(hung.Target.Name, hung.Input, "It does not end.");
        Environment.Exit(1);
    }

    private static void Report(string target, byte[] input, string what)
    {
        string file = Path.Combine(Directory.CreateDirectory("findings").FullName, $"{target}-{Corpus.NameOf(input)}");
        File.WriteAllBytes(file, input);
        Console.WriteLine($"FINDING {what}\n{Convert.ToHexStringLower(input)}\nreplay {target} {file}");
    }
}
