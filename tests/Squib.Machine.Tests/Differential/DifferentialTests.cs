using System.Diagnostics;
using System.Globalization;
using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Differential;

/// <summary>
/// Our CPU against qemu-user, on random sequences of all instructions that a user program may execute.
/// </summary>
/// <remarks>
/// SQUIB_DIFFERENTIAL_SEQUENCES sets the number of sequences, SQUIB_DIFFERENTIAL_SEED the seed of the first program. A
/// mismatch names the seed of its program: that seed and <see cref="SequencesPerProgram"/> sequences reproduce it.
/// </remarks>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int SequencesPerProgram = 4000;
    private const int DefaultSequences = 100_000;
    private const int DefaultSeed = 20_000;
    private const int MostReports = 20;

    [Fact]
    public void Random_sequences_leave_the_same_state_as_under_qemu_user()
    {
        if (!QemuUser.IsInstalled && Environment.GetEnvironmentVariable("CI") != "true")
            Assert.Skip("qemu-aarch64-static is not installed (Debian package qemu-user-static).");

        int sequences = Setting("SQUIB_DIFFERENTIAL_SEQUENCES", DefaultSequences);
        int seed = Setting("SQUIB_DIFFERENTIAL_SEED", DefaultSeed);
        var watch = Stopwatch.StartNew();
        var mismatches = new List<string>();
        int done = 0;
        for (; done < sequences && mismatches.Count < MostReports; done += SequencesPerProgram, seed++)
            Compare(seed, mismatches);
        output.WriteLine($"{done} sequences in {watch.Elapsed.TotalSeconds:f1} s, {mismatches.Count} mismatches");
        Assert.True(mismatches.Count == 0, string.Join('\n', mismatches));
    }

    [Fact]
    public void The_sequences_contain_every_instruction_but_those_for_systems()
    {
        string[] left =
        [
            "SVC", "HVC", "SMC", "BRK", "HLT", "UDF", "ERET", "MSR SPSel", "MSR DAIFSet", "MSR DAIFClr", "SYS",
        ];
        var generator = new SequenceGenerator(InstructionSet.Table, DefaultSeed);
        var missing = InstructionSet.Table.Rows.ToHashSet();
        for (int i = 0; i < SequencesPerProgram; i++)
            missing.ExceptWith(generator.Next().Words.Select(InstructionSet.Table.Find).OfType<DecodeRow>());
        Assert.Equal(left.Order(), missing.Select(row => row.Name).Order());
    }

    private static void Compare(int seed, List<string> mismatches)
    {
        var generator = new SequenceGenerator(InstructionSet.Table, seed);
        var sequences = new Sequence[SequencesPerProgram];
        for (int i = 0; i < sequences.Length; i++)
            sequences[i] = generator.Next();
        var program = new TestProgram(sequences);
        ReadOnlySpan<byte> expected = QemuUser.Run(program), actual = SoftwareRun.Run(program);
        for (int i = 0; i < sequences.Length && mismatches.Count < MostReports; i++)
        {
            ReadOnlySpan<byte> wanted = expected.Slice(i * Layout.BlockLength, Layout.BlockLength);
            ReadOnlySpan<byte> got = actual.Slice(i * Layout.BlockLength, Layout.BlockLength);
            if (!wanted.SequenceEqual(got))
                mismatches.Add($"seed {seed}, sequence {i}:\n{Mismatch.Describe(sequences[i], wanted, got)}");
        }
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value)
            ? value
            : otherwise;
}
