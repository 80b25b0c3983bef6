using System.Diagnostics;
using System.Globalization;

namespace Squib.Benchmarks.Ring;

/// <summary>The C program that the rings are measured against, compiled when a C compiler is there.</summary>
internal sealed class LimitProcess : IDisposable
{
    private readonly Process process;

    private LimitProcess(Process process) => this.process = process;

    internal static LimitProcess? TryStart()
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
            ProcessStartInfo start = new(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
            // glibc's "rep stosb" and "rep movsb" are slower than its vector loops; the limit is the faster one.
            start.Environment["GLIBC_TUNABLES"] =
                "glibc.cpu.x86_rep_stosb_threshold=1000000:glibc.cpu.x86_rep_movsb_threshold=1000000";
            Process process = Process.Start(start)!;
            return new(process);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    internal double Measure(int workload, double milliseconds)
    {
        process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{workload} {milliseconds}"));
        process.StandardInput.Flush();
        string[] words = process.StandardOutput.ReadLine()!.Split(' ');
        return double.Parse(words[0], CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        string program = process.StartInfo.FileName;
        process.Dispose();
        File.Delete(program);
    }
}
