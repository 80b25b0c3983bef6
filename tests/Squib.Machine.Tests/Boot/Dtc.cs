using System.ComponentModel;
using System.Diagnostics;
using Xunit;

namespace Squib.Machine.Tests.Boot;

/// <summary>The device tree compiler of the system, as an independent reader of what we write.</summary>
internal static class Dtc
{
    /// <summary>Converts between the formats "dtb" and "dts".</summary>
    public static (byte[] Output, string Errors) Run(string from, string to, byte[] input)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, input);
            ProcessStartInfo start = new("dtc", ["-I", from, "-O", to, path])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            using MemoryStream output = new();
            process.StandardOutput.BaseStream.CopyTo(output);
            process.WaitForExit();
            return (output.ToArray(), errors.Result + (process.ExitCode == 0 ? "" : $"exit code {process.ExitCode}"));
        }
        catch (Win32Exception) when (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Assert.Skip("dtc (package device-tree-compiler) is not installed.");
            throw;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
