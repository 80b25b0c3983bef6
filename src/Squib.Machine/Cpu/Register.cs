namespace Squib.Machine.Cpu;

/// <summary>Turns the register fields of instruction words into indices into <see cref="CpuState.X"/>.</summary>
internal static class Register
{
    /// <summary>A source where 31 is the zero register.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">The position of the field's lowest bit.</param>
    internal static byte Source(uint word, int at = 0) => (byte)((word >> at) & 31);

    /// <summary>A destination where 31 is the zero register.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">The position of the field's lowest bit.</param>
    internal static byte Destination(uint word, int at = 0)
    {
        uint number = (word >> at) & 31;
        return (byte)(number == 31 ? CpuState.Sink : (int)number);
    }

    /// <summary>A source or destination where 31 is the stack pointer.</summary>
    /// <param name="word">The instruction word.</param>
    /// <param name="at">The position of the field's lowest bit.</param>
    internal static byte OrSp(uint word, int at = 0)
    {
        uint number = (word >> at) & 31;
        return (byte)(number == 31 ? CpuState.Sp : (int)number);
    }
}
