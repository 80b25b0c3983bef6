namespace Squib.Machine.Cpu;

/// <summary>
/// One line of a look-aside table of the load and store fast paths: a page of RAM that may be accessed.
/// </summary>
internal struct TlbEntry
{
    /// <summary>
    /// The number of lines of a table; the line of an address is that of its page number modulo this.
    /// </summary>
    public const int Lines = 1024;

    /// <summary>A tag that no page has.</summary>
    public const ulong NoTag = 1;

    /// <summary>The virtual address of the page, or <see cref="NoTag"/>.</summary>
    public ulong Tag;

    /// <summary>What added to a virtual address in the page gives the host's address.</summary>
    public ulong Addend;
}
