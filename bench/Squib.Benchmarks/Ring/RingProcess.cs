using System.Diagnostics;
using System.Globalization;

namespace Squib.Benchmarks.Ring;

/// <summary>A process that runs ring workloads when told to: the C program, or this one with one ring format and memory layout.</summary>
/// <remarks>
/// A process of its own for each, because a user's program has one of them too: what the JIT learns from one would slow the others
/// down. All wait while one measures, and answer a line "WORKLOAD MILLISECONDS" with nanoseconds and another number per chain.
/// </remarks>
internal sealed class RingProcess : IDisposable
{
    private readonly Process process;
    private readonly string? program;

    private RingProcess(Process process, string? program = null)
    {
        this.process = process;
        this.program = program;
    }

    /// <summary>Compiles and starts the C program that the rings are measured against, when there is a C compiler.</summary>
    internal static RingProcess? TryStartLimit()
    {
        try
        {
            string program = Path.Combine(Path.GetTempPath(), $"squib-ring-limit-{Environment.ProcessId}");
            string source = Path.Combine(AppContext.BaseDirectory, "Ring", "ring-limit.c");
            // Copies and fills as calls: gcc's own "rep movs" takes twice as long as glibc's vector loop on some processors.
            string[] arguments = ["-O3", "-march=native", "-mmemcpy-strategy=libcall:-1:noalign", "-o", program, source];
            using Process compiler = Process.Start("gcc", arguments);
            compiler.WaitForExit();
            if (compiler.ExitCode != 0) return null;
            ProcessStartInfo start = new(program);
            // glibc's "rep stosb" and "rep movsb" are slower than its vector loops; the limit is the faster one.
            start.Environment["GLIBC_TUNABLES"] =
                "glibc.cpu.x86_rep_stosb_threshold=1000000:glibc.cpu.x86_rep_movsb_threshold=1000000";
            return new(Start(start), program);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Starts this program with one ring format over one layout of memory.</summary>
    internal static RingProcess StartVariant(bool packed, int regions)
    {
        string self = typeof(RingProcess).Assembly.Location;
        return new(Start(new(Environment.ProcessPath!, Words(self, "ring-serve", packed ? "packed" : "split", $"{regions}"))));
    }

    /// <summary>What such a process does: verifies each workload when it is first asked for, then measures.</summary>
    internal static void Serve(bool packed, int regions)
    {
        using RingRun run = new(packed, regions);
        int current = 0;
        while (Console.ReadLine()?.Split(' ') is [string workload, string milliseconds])
        {
            int next = int.Parse(workload, CultureInfo.InvariantCulture);
            if (next != current)
            {
                current = next;
                run.Verify(current);
                // Long enough for the JIT to have replaced its first, slow code.
                for (int i = 0; i < 8; i++) run.Measure(current, 100);
            }

            (double nanoseconds, double bytes) = run.Measure(current, double.Parse(milliseconds, CultureInfo.InvariantCulture));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{nanoseconds:F3} {bytes:F1}"));
        }
    }

    internal (double Nanoseconds, string Other) Measure(int workload, double milliseconds)
    {
        process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{workload} {milliseconds}"));
        process.StandardInput.Flush();
        string[] words = process.StandardOutput.ReadLine()!.Split(' ');
        return (double.Parse(words[0], CultureInfo.InvariantCulture), words[1]);
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
        if (program is not null) File.Delete(program);
    }

    private static Process Start(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = true;
        return Process.Start(start)!;
    }

    // Started by "dotnet Squib.Benchmarks.dll" the process is dotnet, and wants the assembly's name first.
    private static string[] Words(string self, params string[] words) =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [self, .. words] : words;
}
