using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Gee.External.Capstone;
using Gee.External.Capstone.Arm64;

namespace Squib.Machine.Tests.Differential;

/// <summary>Describes where two states differ that the same sequence left.</summary>
internal static class Mismatch
{
    /// <summary>
    /// The instructions, and for each difference what was before, what qemu-user left, and what our CPU left.
    /// </summary>
    public static string Describe(Sequence sequence, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        var text = new StringBuilder();
        using CapstoneArm64Disassembler disassembler =
            CapstoneDisassembler.CreateArm64Disassembler(Arm64DisassembleMode.Arm);
        foreach (uint word in sequence.Words)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
            Arm64Instruction? known = disassembler.Disassemble(bytes).FirstOrDefault();
            text.AppendLine(CultureInfo.InvariantCulture, $"  {word:x8}  {known?.Mnemonic ?? "?"} {known?.Operand}");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"  fpcr {Read(sequence.State, Layout.Fpcr):x}");
        for (int offset = 0; offset < Layout.BlockLength; offset += 8)
        {
            ulong before = Read(sequence.State, offset), wanted = Read(expected, offset), got = Read(actual, offset);
            if (wanted == got)
                continue;
            text.Append(CultureInfo.InvariantCulture, $"  {Name(offset)}: before {before:x16}, ");
            text.AppendLine(CultureInfo.InvariantCulture, $"qemu {wanted:x16}, Squib {got:x16}");
        }

        foreach (int register in sequence.Words.SelectMany(Registers).Distinct().Order())
        {
            ulong low = Read(sequence.State, Layout.V + (register * 16));
            ulong high = Read(sequence.State, Layout.V + (register * 16) + 8);
            string general = register < 31 ? $"x{register} {Read(sequence.State, register * 8):x16}, " : "";
            text.AppendLine(CultureInfo.InvariantCulture, $"  before: {general}v{register} {high:x16}_{low:x16}");
        }

        return text.ToString();
    }

    private static IEnumerable<int> Registers(uint word) =>
        new int[] { 0, 5, 10, 16 }.Select(position => (int)(word >> position) & 31);

    private static ulong Read(ReadOnlySpan<byte> block, int offset) =>
        BinaryPrimitives.ReadUInt64LittleEndian(block[offset..]);

    private static string Name(int offset) => offset switch
    {
        Layout.Sp => "sp",
        Layout.Nzcv => "nzcv",
        Layout.Fpsr => "fpsr",
        Layout.Fpcr => "fpcr",
        Layout.Extra => "faults",
        < Layout.Sp => $"x{offset / 8}",
        < Layout.Nzcv => $"v{(offset - Layout.V) / 16}.d[{(offset - Layout.V) / 8 % 2}]",
        _ => $"window+{offset - Layout.Window}",
    };
}
