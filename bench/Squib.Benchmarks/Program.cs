using Squib.Benchmarks.Ring;

if (args is not ["ring", ..])
{
    Console.Error.WriteLine("usage: Squib.Benchmarks ring [--quick]");
    return 2;
}

RingBenchmark.Run(args.Contains("--quick"));
return 0;
