using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Squib.Virtio.Victim;

/// <summary>What is written to a disk, batch by batch: the same for the writer and for whoever looks at the disk.</summary>
/// <param name="seed">Where the sequence begins.</param>
public sealed class WriteSequence(int seed)
{
    public const int SectorBytes = 512;
    public const int Sectors = 2048;
    private const int MostSectorsOfBatch = 8;

    private readonly Random random = new(seed);

    /// <summary>The sectors of the next batch, each once.</summary>
    public int[] Next() =>
        [.. Enumerable.Range(0, random.Next(1, MostSectorsOfBatch + 1)).Select(_ => random.Next(Sectors)).Distinct()];

    /// <summary>What a batch writes to a sector: its number and the sector's, over and over.</summary>
    public static byte[] Stamp(int batch, int sector)
    {
        byte[] bytes = new byte[SectorBytes];
        MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan()).Fill(BinaryPrimitives.ReverseEndianness(((ulong)batch << 32) | (uint)sector));
        return bytes;
    }
}
