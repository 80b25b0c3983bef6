using Squib.Machine.Cpu.Instructions;
using Squib.Machine.Cpu.Simd;

namespace Squib.Machine.Cpu;

/// <summary>The whole instruction set.</summary>
internal static class InstructionSet
{
    /// <summary>The decode table of all instructions.</summary>
    internal static readonly DecodeTable Table = Build();

    private static DecodeTable Build()
    {
        var table = new DecodeTable();
        AddSubtract.AddTo(table);
        Logical.AddTo(table);
        MoveWide.AddTo(table);
        Bitfields.AddTo(table);
        Multiply.AddTo(table);
        ShiftDivide.AddTo(table);
        Conditional.AddTo(table);
        Branches.AddTo(table);
        LoadStore.AddTo(table);
        LoadStorePairs.AddTo(table);
        VectorLoadStore.AddTo(table);
        Exclusives.AddTo(table);
        SystemInstructions.AddTo(table);
        SimdTable.AddTo(table);
        return table;
    }
}
