using System.Globalization;

namespace Squib.Cli.Boot;

/// <summary>Prints what a machine did.</summary>
internal static class RunStatistics
{
    /// <summary>Prints the machine's figures and a line for each device.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="assembly">The machine, at its end.</param>
    /// <param name="elapsed">How long it ran.</param>
    public static void Write(TextWriter output, MachineAssembly assembly, TimeSpan elapsed)
    {
        long instructions = assembly.Machine.Instructions;
        double rate = instructions / Math.Max(elapsed.TotalSeconds, 1e-6);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"instructions {instructions}, {rate / 1e6:0.0} million/s in {elapsed.TotalSeconds:0.00} s"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"MMIO exits {assembly.Machine.MmioExits}"));
    }
}
