using System.Buffers.Binary;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Balloon;

/// <summary>One report of a guest about its memory.</summary>
public sealed class BalloonStatistics
{
    /// <summary>The number of figures that are known.</summary>
    public const int Count = (int)BalloonStatistic.DirectReclaims + 1;

    /// <summary>The most entries of a buffer that are looked at.</summary>
    internal const int MaxEntries = 256;

    private const int EntryBytes = 10;

    private readonly ulong?[] values = new ulong?[Count];

    private BalloonStatistics(DateTimeOffset receivedAt) => ReceivedAt = receivedAt;

    /// <summary>When the guest told it.</summary>
    public DateTimeOffset ReceivedAt { get; }

    /// <summary>A figure, or null if the guest did not tell it.</summary>
    /// <param name="statistic">Which one.</param>
    public ulong? this[BalloonStatistic statistic] =>
        (uint)statistic < Count ? values[(int)statistic] : throw new ArgumentOutOfRangeException(nameof(statistic));

    /// <summary>
    /// Reads a report: of a figure that comes twice the last counts, and what is no whole entry is no entry.
    /// </summary>
    internal static BalloonStatistics Read(ReadableSegments source, DateTimeOffset now)
    {
        BalloonStatistics read = new(now);
        Span<byte> entry = stackalloc byte[EntryBytes];
        for (int i = 0; i < MaxEntries && source.TryRead(entry); i++)
        {
            // MUST (5.5.6.4.2): tags that are not known are ignored, and the order does not matter.
            int tag = BinaryPrimitives.ReadUInt16LittleEndian(entry);
            if (tag < Count) read.values[tag] = BinaryPrimitives.ReadUInt64LittleEndian(entry[2..]);
        }

        return read;
    }
}
