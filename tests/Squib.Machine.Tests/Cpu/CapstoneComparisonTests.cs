using System.Buffers.Binary;
using Gee.External.Capstone;
using Gee.External.Capstone.Arm64;
using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

/// <summary>Asks Capstone 4.0 which words are instructions, and compares.</summary>
public sealed unsafe class CapstoneComparisonTests : IDisposable
{
    private const int WordsPerBatch = 4096;
    private readonly CpuRig rig = new();

    [Fact]
    public void Random_words_are_instructions_exactly_where_Capstone_says_so()
    {
        using CapstoneArm64Disassembler capstone =
            CapstoneDisassembler.CreateArm64Disassembler(Arm64DisassembleMode.LittleEndian);
        capstone.EnableSkipDataMode = true;
        var random = new Random(8);
        byte[] bytes = new byte[WordsPerBatch * 4];
        for (int batch = 0; batch < 500; batch++)
        {
            random.NextBytes(bytes);
            Arm64Instruction[] theirs = capstone.Disassemble(bytes);
            Assert.Equal(WordsPerBatch, theirs.Length);
            for (int i = 0; i < WordsPerBatch; i++)
            {
                uint word = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i * 4));
                string mnemonic = theirs[i].Mnemonic;
                Compare(word, mnemonic.StartsWith('.') ? null : mnemonic);
            }
        }
    }

    public void Dispose() => rig.Dispose();

    // What Capstone 4.0 knows and this CPU does not have.
    private static bool IsTheirsOnly(string mnemonic, uint word) =>
        mnemonic.StartsWith("aes", StringComparison.Ordinal)
        || mnemonic.StartsWith("sha1", StringComparison.Ordinal)
        || mnemonic.StartsWith("sha256", StringComparison.Ordinal)
        || (mnemonic.StartsWith("pmull", StringComparison.Ordinal) && (word >> 22 & 3) == 3) // crypto, too
        || mnemonic.StartsWith("dcps", StringComparison.Ordinal) // only in debug state
        || mnemonic == "sysl" // no system instruction has a result
        || (mnemonic is "mrs" or "msr" && (word >> 20 & 1) == 0); // op0 is 0 or 1 there: neither MRS nor MSR

    // What Capstone 4.0 calls no instruction, but the architecture leaves to the CPU (CONSTRAINED UNPREDICTABLE) or
    // defines.
    private static bool IsOursOnly(string name, uint word)
    {
        uint rt = word & 31, rn = word >> 5 & 31, rt2 = word >> 10 & 31;
        if (name == "UDF") return true;

        // The bits below the element's index are ignored; Capstone wants some of them to be zero.
        if (name is "DUP (general)" or "INS (element)") return true;
        if (name.StartsWith("LDR/STR", StringComparison.Ordinal) || name == "LDTR/STTR") return rt == rn;
        if (name.StartsWith("LDP", StringComparison.Ordinal) || name.StartsWith("LDNP", StringComparison.Ordinal))
            return rt == rt2 || rt == rn || rt2 == rn;
        return name is "LDXP/LDAXP" && rt == rt2;
    }

    private void Compare(uint word, string? mnemonic)
    {
        DecodeRow? row = InstructionSet.Table.Find(word);
        if (mnemonic is null)
        {
            if (row is null || IsOursOnly(row.Name, word)) return;
            Assert.True(
                row.IsSimd && !IsExecuted(word), $"{word:x8} is nothing to Capstone, but here it is {row.Name}.");
        }
        else if (!IsTheirsOnly(mnemonic, word))
        {
            bool executed = row is not null && (!row.IsSimd || IsExecuted(word));
            Assert.True(executed, $"{word:x8} is {mnemonic} to Capstone, but here it is undefined ({row?.Name}).");
        }
    }

    // SIMD handlers find reserved fields only when they execute.
    private bool IsExecuted(uint word)
    {
        CpuState* s = rig.State;
        s->System.CpacrEl1 = 3 << 20;
        SystemRegisters.UpdateTraps(s);
        for (int i = 0; i < 33; i++) s->X[i] = i == CpuState.Zero ? 0 : CpuRig.Ram + 0x20_0000;
        s->System.EsrEl1 = ulong.MaxValue;
        Op* ops = stackalloc Op[2];
        s->PageOps = ops;
        s->PageVa = CpuRig.Code;
        InstructionSet.Table.Decode(ops, word, 0);
        ops->Execute(s, ops);
        return s->System.EsrEl1 == ulong.MaxValue;
    }
}
