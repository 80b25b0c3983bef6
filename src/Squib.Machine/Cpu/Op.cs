using System.Runtime.InteropServices;

namespace Squib.Machine.Cpu;

/// <summary>
/// One decoded instruction: what executes it, and its operands where decoding has taken them apart already.
/// </summary>
/// <remarks>
/// Decoded instructions of one guest page lie side by side, so that the next instruction is the next element and the
/// distance between two elements is the distance of their addresses.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 24)]
internal unsafe struct Op
{
    // SAFETY: an Op lives in a page of the code cache, whose unmanaged memory stays allocated as long as its CPU.

    /// <summary>Executes this instruction and answers with the one to execute next.</summary>
    [FieldOffset(0)]
    public delegate*<CpuState*, Op*, Op*> Execute;

    /// <summary>
    /// An operand that decoding computed, if the instruction has one: an immediate, a distance, or a target.
    /// </summary>
    [FieldOffset(8)]
    public ulong Immediate;

    /// <summary>The instruction word.</summary>
    [FieldOffset(16)]
    public uint Word;

    /// <summary>
    /// The register that is written, or the one that is stored, as an index into <see cref="CpuState.X"/>.
    /// </summary>
    [FieldOffset(20)]
    public byte Rd;

    /// <summary>The first source register or the base of an address.</summary>
    [FieldOffset(21)]
    public byte Rn;

    /// <summary>The second source register, or a small operand.</summary>
    [FieldOffset(22)]
    public byte Rm;

    /// <summary>The third register, or a small operand.</summary>
    [FieldOffset(23)]
    public byte Ra;

    /// <summary>In place of Rm and Ra: the distance of the instruction from the start of its page, in bytes.</summary>
    [FieldOffset(22)]
    public ushort Offset;
}
