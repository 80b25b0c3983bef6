namespace Squib.Machine.Cpu;

/// <summary>
/// One line of the look-aside table of branches: a page that may be executed, and its decoded instructions.
/// </summary>
internal unsafe struct FetchEntry
{
    // SAFETY: Ops points into a CodePage; the code cache clears these tables when it gives pages another meaning.

    /// <summary>
    /// The number of lines of a table; the line of an address is that of its page number modulo this.
    /// </summary>
    public const int Lines = 256;

    /// <summary>The virtual address of the page, or <see cref="TlbEntry.NoTag"/>.</summary>
    public ulong Tag;

    /// <summary>The decoded instructions.</summary>
    public Op* Ops;
}
