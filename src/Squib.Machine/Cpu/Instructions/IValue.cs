namespace Squib.Machine.Cpu.Instructions;

/// <summary>
/// What a load brings into a general-purpose register, or a store takes from one: a width and an extension.
/// </summary>
internal unsafe interface IValue
{
    // SAFETY: the host address is of that many bytes of pinned guest RAM.

    /// <summary>Added to the width in <see cref="Form"/>: the value is signed.</summary>
    const int Signed = 0x10;

    /// <summary>Added to the width in <see cref="Form"/>: the value is extended to 32 bits only.</summary>
    const int Narrow = 0x20;

    /// <summary>The number of bytes in memory.</summary>
    static abstract int Size { get; }

    /// <summary>The width, with <see cref="Signed"/> and <see cref="Narrow"/>.</summary>
    static abstract int Form { get; }

    /// <summary>Reads and extends.</summary>
    /// <param name="host">The host's address.</param>
    static abstract ulong Read(byte* host);

    /// <summary>Writes the low bytes.</summary>
    /// <param name="host">The host's address.</param>
    /// <param name="value">The register's value.</param>
    static abstract void Write(byte* host, ulong value);
}
