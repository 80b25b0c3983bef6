namespace Squib.Machine.Tests.Differential;

/// <summary>
/// Where everything lies: the same addresses under qemu-user and on our CPU, so that PC-relative results agree.
/// </summary>
internal static class Layout
{
    public const uint RamStart = 0x4000_0000;
    public const int RamLength = 32 << 20;

    /// <summary>What only our CPU needs: page tables, exception vectors, and the code that enters EL0.</summary>
    public const uint TablesStart = RamStart;
    public const uint BootStart = RamStart + 0x3000;
    public const uint VectorsStart = RamStart + 0x4000;
    public const uint KernelStackEnd = RamStart + 0x8000;

    public const uint CodeStart = 0x4020_0000;
    public const int CodeLength = 6 << 20;

    public const uint VariablesStart = 0x4080_0000;
    public const int VariablesLength = 2 << 20;
    public const uint WindowStart = VariablesStart + 0x1_8000;
    public const uint SignalStackStart = VariablesStart + 0x4_0000;
    public const int SignalStackLength = 0x1_0000;

    public const uint InputStart = 0x40a0_0000;
    public const uint OutputStart = 0x4120_0000;
    public const int BlocksLength = 8 << 20;

    /// <summary>Offsets of variables.</summary>
    public const int InputPointer = 0;
    public const int OutputPointer = 8;
    public const int Remaining = 16;
    public const int Faults = 24;
    public const int Scratch = 64;

    /// <summary>Offsets in a block: the state before or after a sequence.</summary>
    public const int X = 0;
    public const int Sp = 248;
    public const int V = 256;
    public const int Nzcv = 768;
    public const int Fpsr = 776;
    public const int Fpcr = 784;

    /// <summary>
    /// Before: the address of the sequence. After: what faulted, as the sum of signal number &lt;&lt; 48 | next PC.
    /// </summary>
    public const int Extra = 792;
    public const int Window = 800;
    public const int WindowLength = 512;
    public const int BlockLength = Window + WindowLength;
}
