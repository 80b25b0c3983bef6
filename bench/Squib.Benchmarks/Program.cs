using Squib.Benchmarks;
using Squib.Benchmarks.Block;
using Squib.Benchmarks.Boot;
using Squib.Benchmarks.Net;
using Squib.Benchmarks.Ring;
using Squib.Benchmarks.Vsock;

bool quick = args.Contains("--quick");
switch (args.FirstOrDefault())
{
    case "ring":
        List<string> lines = [.. RingBenchmark.Run(quick), .. RegisterBenchmark.Run(quick), .. BlockBenchmark.Run(quick)];
        if (!quick) Report.Write("ring", lines);
        return 0;
    case "boot":
        List<string> boots = BootBenchmark.Run(quick);
        if (!quick) Report.Write("boot", boots);
        return 0;
    case "register":
        RegisterBenchmark.Run(quick);
        return 0;
    case "block":
        BlockBenchmark.Run(quick);
        return 0;
    case "net":
        List<string> frames = NetBenchmark.Run(quick);
        if (!quick) Report.Write("net", frames);
        return 0;
    case "vsock":
        List<string> sockets = VsockBenchmark.Run(quick);
        if (!quick) Report.Write("vsock", sockets);
        return 0;
    case "ring-serve":
        RingProcess.Serve(args[1] == "packed", int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    default:
        Console.Error.WriteLine("usage: Squib.Benchmarks ring|boot|register|block|net|vsock [--quick]");
        return 2;
}
