namespace Squib.Machine.Cpu.Simd;

/// <summary>All SIMD and floating-point instructions that process data, or load and store structures.</summary>
internal static class SimdTable
{
    /// <summary>Adds their rows to the decode table, guarded by CPACR_EL1.FPEN.</summary>
    /// <param name="table">The table.</param>
    internal static void AddTo(DecodeTable table)
    {
        table.BeginSimd();
        ThreeSame.AddTo(table);
        ThreeSameFloat.AddTo(table);
        ThreeDifferent.AddTo(table);
        ByElement.AddTo(table);
        TwoRegister.AddTo(table);
        TwoRegisterFloat.AddTo(table);
        AcrossLanes.AddTo(table);
        Copy.AddTo(table);
        Permute.AddTo(table);
        Immediate.AddTo(table);
        ShiftImmediate.AddTo(table);
        ScalarFloat.AddTo(table);
        FloatInteger.AddTo(table);
        StructureMemory.AddTo(table);
        table.EndSimd();
    }
}
