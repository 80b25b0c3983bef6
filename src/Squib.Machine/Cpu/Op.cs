namespace Squib.Machine.Cpu;

/// <summary>One decoded instruction: what executes it, and its operands where decoding has taken them apart already.</summary>
/// <remarks>
/// Decoded instructions of one guest page lie side by side, so that the next instruction is the next element and the distance
/// between two elements is the distance of their addresses.
/// </remarks>
internal unsafe struct Op
{
    // SAFETY: an Op lives in a CodePage, whose unmanaged memory stays allocated as long as its CPU.

    /// <summary>Executes this instruction and answers with the one to execute next.</summary>
    public delegate*<CpuState*, Op*, Op*> Execute;

    /// <summary>An operand that decoding computed, if the instruction has one: an immediate, a distance, or a target.</summary>
    public ulong Immediate;

    /// <summary>The instruction word.</summary>
    public uint Word;

    /// <summary>Register numbers as indices into <see cref="CpuState.X"/>.</summary>
    public byte Rd, Rn, Rm, Ra;
}
