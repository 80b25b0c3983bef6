using Squib.Benchmarks.Ring;

if (args is ["ring-one", var format, var workload])
{
    using RingRun run = new(format == "packed", 1);
    run.Verify(int.Parse(workload, System.Globalization.CultureInfo.InvariantCulture));
    for (int i = 0; i < 10; i++) Console.WriteLine(run.Measure(workload[0] - '0', 300));
    return 0;
}

if (args is not ["ring", ..])
{
    Console.Error.WriteLine("usage: Squib.Benchmarks ring [--quick]");
    return 2;
}

RingBenchmark.Run(args.Contains("--quick"));
return 0;
