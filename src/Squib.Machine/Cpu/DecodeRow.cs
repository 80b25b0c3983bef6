using System.Numerics;

namespace Squib.Machine.Cpu;

/// <summary>
/// One row of the decode table: a bit pattern as the architecture manual writes it, and what decodes or executes it.
/// </summary>
internal sealed unsafe class DecodeRow
{
    // SAFETY: the function pointers are of static methods, which are never unloaded.
    private readonly delegate*<CpuState*, Op*, Op*> execute;
    private readonly delegate*<Op*, void> prepare;

    /// <summary>Creates a row; exactly one of the two functions is given.</summary>
    /// <param name="pattern">
    /// 32 bits, most significant first: runs of 0 and 1, and fields NAME:WIDTH (NAME alone is one bit).
    /// </param>
    /// <param name="name">The instruction's name in the manual.</param>
    /// <param name="execute">The handler, if nothing is to be prepared.</param>
    /// <param name="prepare">What takes the operands apart and chooses the handler.</param>
    /// <param name="where">What else a word must satisfy to be this instruction, or null.</param>
    /// <param name="isSimd">Whether CPACR_EL1.FPEN guards the instruction.</param>
    /// <exception cref="ArgumentException">The pattern is malformed or is not 32 bits long.</exception>
    public DecodeRow(
        string pattern,
        string name,
        delegate*<CpuState*, Op*, Op*> execute,
        delegate*<Op*, void> prepare,
        Func<uint, bool>? where,
        bool isSimd)
    {
        (Mask, Value) = Parse(pattern);
        Pattern = pattern;
        Name = name;
        Where = where;
        IsSimd = isSimd;
        this.execute = execute;
        this.prepare = prepare;
    }

    /// <summary>The pattern as text.</summary>
    public string Pattern { get; }

    /// <summary>The instruction's name in the manual.</summary>
    public string Name { get; }

    /// <summary>The bits that the pattern fixes.</summary>
    public uint Mask { get; }

    /// <summary>The value of the fixed bits.</summary>
    public uint Value { get; }

    /// <summary>What else a word must satisfy, or null.</summary>
    public Func<uint, bool>? Where { get; }

    /// <summary>Whether CPACR_EL1.FPEN guards the instruction.</summary>
    public bool IsSimd { get; }

    /// <summary>The number of bits that the pattern fixes: how specific it is.</summary>
    public int FixedBits => BitOperations.PopCount(Mask);

    /// <summary>Whether a word is this instruction.</summary>
    /// <param name="word">An instruction word.</param>
    public bool Matches(uint word) => (word & Mask) == Value && (Where is null || Where(word));

    /// <summary>Fills in a decoded instruction, whose <see cref="Op.Word"/> is set already.</summary>
    /// <param name="op">The instruction.</param>
    public void Prepare(Op* op)
    {
        if (prepare != null)
        {
            prepare(op);
        }
        else if (IsSimd)
        {
            op->Execute = &SimdGate.Enter;
            op->Immediate = (ulong)execute;
        }
        else
        {
            op->Execute = execute;
        }
    }

    private static (uint Mask, uint Value) Parse(string pattern)
    {
        uint mask = 0;
        uint value = 0;
        int left = 32;
        foreach (string token in pattern.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (token[0] is '0' or '1')
            {
                foreach (char bit in token)
                {
                    if (bit is not ('0' or '1') || --left < 0) throw Malformed(pattern, token);
                    mask |= 1u << left;
                    if (bit == '1') value |= 1u << left;
                }
            }
            else
            {
                int colon = token.IndexOf(':', StringComparison.Ordinal);
                int width = 1;
                if (colon >= 0 && (!int.TryParse(token.AsSpan(colon + 1), out width) || width < 1))
                    throw Malformed(pattern, token);
                left -= width;
            }
        }

        if (left != 0) throw new ArgumentException($"\"{pattern}\" has {32 - left} bits.", nameof(pattern));
        return (mask, value);
    }

    private static ArgumentException Malformed(string pattern, string token) =>
        new($"\"{token}\" does not fit in \"{pattern}\".", nameof(pattern));
}
