using System.Diagnostics;

namespace Squib.Machine.Tests.Differential;

/// <summary>Runs a program under qemu-aarch64-static as a Cortex-A53, which has the features of our CPU.</summary>
internal static class QemuUser
{
    private const string Program = "qemu-aarch64-static";

    /// <summary>Whether qemu-user is installed.</summary>
    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Any(folder => File.Exists(Path.Combine(folder, Program)));

    /// <summary>Runs a program and answers with the blocks that it wrote.</summary>
    public static byte[] Run(TestProgram program)
    {
        string path = Path.Combine(Path.GetTempPath(), $"squib-differential-{Guid.NewGuid():n}");
        try
        {
            ElfFile.Write(program, path);
            return Execute(path, program.OutputLength);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static byte[] Execute(string path, int length)
    {
        var start = new ProcessStartInfo(Program, ["-cpu", "cortex-a53", path]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)
            ?? throw new InvalidOperationException($"{Program} did not start.");
        var output = new byte[length];
        process.StandardOutput.BaseStream.ReadExactly(output);
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{Program} ended with {process.ExitCode}.");
    }
}
