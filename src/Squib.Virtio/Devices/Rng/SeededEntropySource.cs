using System.Buffers.Binary;

namespace Squib.Virtio.Devices.Rng;

/// <summary>
/// Bytes that look random and are the same for the same seed, for runs that must repeat. They are no secret.
/// </summary>
/// <remarks>The generator is SplitMix64. One thread at a time may use it.</remarks>
public sealed class SeededEntropySource
{
    private readonly byte[] word = new byte[sizeof(ulong)];
    private ulong state;
    private int left;

    /// <summary>Makes a source.</summary>
    /// <param name="seed">Which of the sequences it gives.</param>
    public SeededEntropySource(ulong seed) => state = seed;

    /// <summary>Gives the next bytes of the sequence; an <see cref="EntropySource"/>.</summary>
    /// <param name="destination">What to fill.</param>
    public void Fill(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (left == 0)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(word, Next());
                left = word.Length;
            }

            int count = Math.Min(left, destination.Length);
            word.AsSpan(word.Length - left, count).CopyTo(destination);
            destination = destination[count..];
            left -= count;
        }
    }

    private ulong Next()
    {
        state += 0x9e37_79b9_7f4a_7c15;
        ulong mixed = (state ^ (state >> 30)) * 0xbf58_476d_1ce4_e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d0_49bb_1331_11eb;
        return mixed ^ (mixed >> 31);
    }
}
