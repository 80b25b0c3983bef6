namespace Squib.Machine.Cpu;

/// <summary>All instructions the CPU knows, one row each, and the search for the row of a word.</summary>
/// <remarks>
/// The row with the most fixed bits wins. Two rows with the same number of fixed bits must not both match a word.
/// A word without a row is UNDEFINED.
/// </remarks>
internal sealed unsafe class DecodeTable
{
    // SAFETY: Decode writes one Op that the caller owns; the function pointers are of static methods.
    private const int IndexShift = 20;
    private readonly List<DecodeRow> rows = [];
    private DecodeRow[][]? index;
    private bool inSimd;

    /// <summary>The rows in the order of their addition.</summary>
    public IReadOnlyList<DecodeRow> Rows => rows;

    /// <summary>Adds an instruction whose handler reads its fields from <see cref="Op.Word"/>.</summary>
    /// <param name="pattern">
    /// 32 bits, most significant first: runs of 0 and 1, and fields NAME:WIDTH (NAME alone is one bit).
    /// </param>
    /// <param name="name">The instruction's name in the manual.</param>
    /// <param name="execute">The handler.</param>
    /// <param name="where">What else a word must satisfy to be this instruction, or null.</param>
    public void Add(
        string pattern,
        string name,
        delegate*<CpuState*, Op*, Op*> execute,
        Func<uint, bool>? where = null) =>
        Add(new DecodeRow(pattern, name, execute, null, where, inSimd));

    /// <summary>Adds an instruction that is taken apart when it is decoded.</summary>
    /// <param name="pattern">
    /// 32 bits, most significant first: runs of 0 and 1, and fields NAME:WIDTH (NAME alone is one bit).
    /// </param>
    /// <param name="name">The instruction's name in the manual.</param>
    /// <param name="prepare">
    /// Sets the operands and <see cref="Op.Execute"/>; <see cref="Op.Word"/> is set already, and <see
    /// cref="Op.Immediate"/> is the distance of the instruction from the start of its page.
    /// </param>
    /// <param name="where">What else a word must satisfy to be this instruction, or null.</param>
    public void AddPrepared(
        string pattern,
        string name,
        delegate*<Op*, void> prepare,
        Func<uint, bool>? where = null) =>
        Add(new DecodeRow(pattern, name, null, prepare, where, inSimd));

    /// <summary>Begins a part of the table whose instructions are trapped while CPACR_EL1.FPEN says so.</summary>
    public void BeginSimd() => inSimd = true;

    /// <summary>Ends the part that <see cref="BeginSimd"/> began.</summary>
    public void EndSimd() => inSimd = false;

    /// <summary>Finds the row of a word, or null where the word is UNDEFINED.</summary>
    /// <param name="word">An instruction word.</param>
    public DecodeRow? Find(uint word)
    {
        index ??= BuildIndex();
        foreach (DecodeRow row in index[word >> IndexShift])
        {
            if (row.Matches(word)) return row;
        }

        return null;
    }

    /// <summary>Decodes a word.</summary>
    /// <param name="op">What to fill in.</param>
    /// <param name="word">The instruction word.</param>
    /// <param name="offset">The distance of the instruction from the start of its page, in bytes.</param>
    public void Decode(Op* op, uint word, uint offset)
    {
        op->Word = word;
        op->Immediate = offset;
        if (Find(word) is { } row) row.Prepare(op);
        else op->Execute = &Exceptions.Undefined;
    }

    private void Add(DecodeRow row)
    {
        rows.Add(row);
        index = null;
    }

    private DecodeRow[][] BuildIndex()
    {
        const uint Buckets = 1u << (32 - IndexShift);
        var lists = new List<DecodeRow>[Buckets];
        for (uint i = 0; i < Buckets; i++) lists[i] = [];
        foreach (DecodeRow row in rows.OrderByDescending(row => row.FixedBits))
        {
            // Counts through all values of the index bits that the row leaves open.
            uint open = ~(row.Mask >> IndexShift) & (Buckets - 1);
            uint some = 0;
            do
            {
                lists[(row.Value >> IndexShift) | some].Add(row);
                some = (some - open) & open;
            }
            while (some != 0);
        }

        return [.. lists.Select(list => list.ToArray())];
    }
}
