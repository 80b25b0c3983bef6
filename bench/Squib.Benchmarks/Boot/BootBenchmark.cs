using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Squib.Benchmarks.Boot;

/// <summary>Boots the demo's guest on Squib and on QEMU, turn by turn, with the same kernel, initramfs and command line.</summary>
internal static partial class BootBenchmark
{
    private const string CommandLine = "console=ttyAMA0 cryptomgr.notests quiet st.only=none";

    internal static List<string> Run(bool quick)
    {
        string squib = Path.Combine(Report.Root, "artifacts", "bin", "Squib.Cli", "release", "squib");
        string guest = Path.Combine(Path.GetTempPath(), $"squib-bench-guest-{Environment.ProcessId}");
        List<string> lines = [];
        try
        {
            using (Process make = Process.Start(squib, ["guest", guest])) make.WaitForExit();
            string kernel = Path.Combine(guest, "Image");
            string initrd = Path.Combine(guest, "initramfs.cpio");
            string[] ours = ["boot", "--kernel", kernel, "--initrd", initrd, "--append", CommandLine, "--rng", "--stats"];
            string[] theirs =
            [
                "-M", "virt,gic-version=3", "-cpu", "cortex-a53", "-m", "512", "-display", "none", "-no-reboot", "-serial", "stdio",
                "-monitor", "none", "-global", "virtio-mmio.force-legacy=false", "-kernel", kernel, "-initrd", initrd,
                "-device", "virtio-rng-device", "-append", CommandLine + " nokaslr",
            ];
            int rounds = quick ? 1 : 5;
            List<Outcome> squibRuns = [];
            List<Outcome> qemuRuns = [];
            for (int i = 0; i < rounds; i++)
            {
                squibRuns.Add(Boot(squib, ours));
                if (Boot("qemu-system-aarch64", theirs) is { FirstLine: > 0 } run) qemuRuns.Add(run);
            }

            lines.Add(Line("squib", squibRuns));
            lines.Add(squibRuns[0].Statistics);
            if (qemuRuns.Count > 0)
            {
                lines.Add(Line("qemu 7.2 (TCG)", qemuRuns));
                double ratio = Median(squibRuns, run => run.Seconds) / Median(qemuRuns, run => run.Seconds);
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"squib takes {ratio:F2} times as long as qemu"));
            }

            lines.Add(Idle(squib, kernel, initrd));
        }
        finally
        {
            if (Directory.Exists(guest)) Directory.Delete(guest, recursive: true);
        }

        foreach (string line in lines) Console.WriteLine(line);
        return lines;
    }

    private static string Line(string name, List<Outcome> runs) => string.Create(
        CultureInfo.InvariantCulture,
        $"boot {name}: first user-space line after {Median(runs, run => run.FirstLine):F2} s, power-off after " +
        $"{Median(runs, run => run.Seconds):F2} s (best {runs.Min(run => run.Seconds):F2} s), " +
        $"peak memory {Median(runs, run => run.PeakMiB):F0} MiB for 512 MiB of guest RAM");

    private static double Median(List<Outcome> runs, Func<Outcome, double> of)
    {
        double[] sorted = [.. runs.Select(of).Order()];
        return sorted[sorted.Length / 2];
    }

    private static Outcome Boot(string program, string[] arguments)
    {
        try
        {
            ProcessStartInfo start = new(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            };
            Stopwatch watch = Stopwatch.StartNew();
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            double first = 0;
            double peak = 0;
            while (process.StandardOutput.ReadLine() is { } line)
            {
                if (first == 0 && line.Contains("INIT ", StringComparison.Ordinal)) first = watch.Elapsed.TotalSeconds;
                if (line.Contains("SELFTEST DONE", StringComparison.Ordinal)) peak = PeakMiB(process.Id);
            }

            process.WaitForExit();
            string statistics = errors.Result.Split('\n').FirstOrDefault(line => line.StartsWith("instructions", StringComparison.Ordinal)) ?? "";
            return new(watch.Elapsed.TotalSeconds, first, peak, statistics);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return default;
        }
    }

    /// <summary>CPU time of a guest that waits for a key.</summary>
    private static string Idle(string squib, string kernel, string initrd)
    {
        string[] arguments =
            ["boot", "--kernel", kernel, "--initrd", initrd, "--append", "quiet cryptomgr.notests st.only=none st.shell=ttyAMA0", "--rng"];
        ProcessStartInfo start = new(squib, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        // Long enough for the boot on a busy machine; then ten seconds in which nothing is to do.
        Thread.Sleep(20_000);
        process.Refresh();
        TimeSpan before = process.TotalProcessorTime;
        Thread.Sleep(10_000);
        process.Refresh();
        double percent = (process.TotalProcessorTime - before).TotalSeconds * 10;
        process.Kill();
        process.WaitForExit();
        _ = output.Result;
        return string.Create(CultureInfo.InvariantCulture, $"idle guest: {percent:F1} % of one core");
    }

    private static double PeakMiB(int process)
    {
        Match match = PeakPattern().Match(File.ReadAllText($"/proc/{process}/status"));
        return match.Success ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) / 1024 : 0;
    }

    [GeneratedRegex(@"VmHWM:\s+(\d+) kB")]
    private static partial Regex PeakPattern();

    private readonly record struct Outcome(double Seconds, double FirstLine, double PeakMiB, string Statistics);
}
