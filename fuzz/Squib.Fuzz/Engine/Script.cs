using System.Buffers.Binary;

namespace Squib.Fuzz.Engine;

/// <summary>An input, read as a sequence of choices: any bytes are a script, and what is beyond the end is zero.</summary>
internal sealed class Script
{
    private byte[] bytes = [];
    private int at;

    internal bool IsAtEnd => at >= bytes.Length;

    internal int Left => Math.Max(0, bytes.Length - at);

    internal void Load(byte[] input)
    {
        bytes = input;
        at = 0;
    }

    internal byte Byte() => at < bytes.Length ? bytes[at++] : (byte)0;

    /// <summary>One of a few choices.</summary>
    internal int Below(int count) => Byte() % count;

    internal bool Flag() => (Byte() & 1) != 0;

    internal ushort Word() => (ushort)(Byte() | (Byte() << 8));

    internal uint Long() => (uint)(Word() | (Word() << 16));

    /// <summary>
    /// A number of any width, mostly one of those at which programs go wrong: small, around a power of two, near the end.
    /// </summary>
    internal ulong Number()
    {
        int kind = Byte();
        return kind switch
        {
            < 64 => (ulong)kind,
            < 128 => 1UL << (kind - 64),
            < 192 => (1UL << (kind - 128)) - 1,
            < 224 => ulong.MaxValue - (ulong)(kind - 192),
            < 240 => Word(),
            < 248 => Long(),
            _ => Long() | ((ulong)Long() << 32),
        };
    }

    /// <summary>Fills bytes: from the script as far as it goes.</summary>
    internal void Fill(Span<byte> destination)
    {
        int count = Math.Min(Left, destination.Length);
        bytes.AsSpan(at, count).CopyTo(destination);
        destination[count..].Clear();
        at += count;
    }

    /// <summary>Fills bytes with a pattern that one byte chooses.</summary>
    internal void Paint(Span<byte> destination)
    {
        byte seed = Byte();
        for (int i = 0; i < destination.Length; i++) destination[i] = (byte)(seed + (i * 7));
    }

    /// <summary>A little-endian number of some bytes, nasty or plain.</summary>
    internal void Number(Span<byte> destination)
    {
        Span<byte> whole = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(whole, Number());
        whole[..destination.Length].CopyTo(destination);
    }
}
