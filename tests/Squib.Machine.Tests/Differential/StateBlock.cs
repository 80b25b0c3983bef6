using System.Buffers.Binary;

namespace Squib.Machine.Tests.Differential;

/// <summary>The state before or after a sequence, as <see cref="Layout"/> describes it.</summary>
internal sealed class StateBlock(byte[] bytes)
{
    public StateBlock()
        : this(new byte[Layout.BlockLength])
    {
    }

    public byte[] Bytes => bytes;

    public ulong Fpsr => this[Layout.Fpsr];

    public bool Faulted => this[Layout.Extra] != 0;

    public ulong this[int offset]
    {
        get => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(offset));
        set => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(offset), value);
    }

    public ulong X(int register) => this[Layout.X + (8 * register)];

    public (ulong High, ulong Low) V(int register) =>
        (this[Layout.V + (16 * register) + 8], this[Layout.V + (16 * register)]);

    public void SetX(int register, ulong value) => this[Layout.X + (8 * register)] = value;

    public void SetV(int register, ulong high, ulong low) =>
        (this[Layout.V + (16 * register) + 8], this[Layout.V + (16 * register)]) = (high, low);

    /// <summary>Executes some words on our CPU, starting from this state.</summary>
    public StateBlock After(params uint[] words) =>
        new(SoftwareRun.Run(new TestProgram([new Sequence(words, bytes)])));
}
