namespace Squib.Machine.Cpu;

/// <summary>stub</summary>
internal static unsafe class MemSlow
{
    internal static bool Load(CpuState* s, Op* op, ulong va, int size) => false;
    internal static bool Store(CpuState* s, Op* op, ulong va, ulong value, int size) => false;
    internal static bool Probe(CpuState* s, Op* op, ulong va, int size, bool write) => false;
}
