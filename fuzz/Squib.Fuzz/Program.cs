using System.Globalization;
using Squib.Fuzz.Engine;

namespace Squib.Fuzz;

/// <summary>The command line: fuzz a target for some minutes, list the targets, replay inputs.</summary>
internal static class Program
{
    private const string Usage =
        """
        squib-fuzz TARGET [--minutes N] [--seed S] [--jobs N] [--corpus FILE] [--add PATH]...   fuzz, and keep what showed something new
        squib-fuzz list                                            the targets
        squib-fuzz replay TARGET [FILE...]                         run inputs, each a file as it is, by default the corpus
        squib-fuzz minimise TARGET [--corpus FILE] [--add PATH]... leave out of the corpus what shows nothing of its own
        squib-fuzz coverage FILE                                   the table of a Cobertura file from the coverage collector

        A PATH with more inputs is another corpus, or a folder in which each file is one input.
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
        if (arguments is ["minimise", ..] && Options.TryRead(arguments[1..]) is { } chosen && FuzzTargets.TryCreate(chosen.Target) is { } large)
        {
            List<byte[]> all = Load(chosen);
            List<byte[]> kept = FuzzRun.Minimise(large, all);
            Corpus.Save(FileOf(chosen), large.Name, kept);
            Console.WriteLine($"{large.Name}: {kept.Count} of {all.Count} inputs are kept");
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

    private static string FileOf(Options options) => options.Corpus ?? Corpus.Find(options.Target);

    private static List<byte[]> Load(Options options)
    {
        string? missing = options.Added.FirstOrDefault(path => !Path.Exists(path));
        if (missing is not null) throw new FileNotFoundException($"There is no {missing}.");
        return [.. options.Added.Prepend(FileOf(options)).SelectMany(Corpus.Load)];
    }

    private static int Replay(IFuzzTarget target, string[] files)
    {
        List<byte[]> inputs = files.Length == 0 ? Corpus.Load(Corpus.Find(target.Name)) : [.. files.Select(File.ReadAllBytes)];
        Executor executor = new(target);
        int bad = 0;
        foreach (byte[] input in inputs)
        {
            if (executor.TryRun(input) is not { } wrong) continue;
            Console.WriteLine($"{Corpus.NameOf(input)}: {wrong}");
            bad++;
        }

        Console.WriteLine($"{inputs.Count} inputs, {bad} findings");
        return bad == 0 ? 0 : 1;
    }

    private static int Fuzz(Options options)
    {
        List<byte[]> corpus = Load(options);
        Executor[] executors = [.. Enumerable.Range(0, options.Jobs).Select(_ => new Executor(FuzzTargets.TryCreate(options.Target)!))];
        FuzzRun[] runs = [.. executors.Select((executor, i) => new FuzzRun(executor, options.Seed + i, Console.Out))];
        Console.WriteLine($"{options.Target}: seed {options.Seed}, {corpus.Count} inputs in {FileOf(options)}");
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
        IFuzzTarget fresh = FuzzTargets.TryCreate(options.Target)!;
        Corpus.Save(FileOf(options), fresh.Name, FuzzRun.Minimise(fresh, runs.SelectMany(run => run.Inputs)));
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
