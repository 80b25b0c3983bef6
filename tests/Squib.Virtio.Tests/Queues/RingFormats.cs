using Xunit;

namespace Squib.Virtio.Tests.Queues;

internal static class RingFormats
{
    public static TheoryData<RingFormat> All => [RingFormat.Split, RingFormat.Packed, RingFormat.SplitIndirect, RingFormat.PackedIndirect];

    public static TheoryData<RingFormat> Direct => [RingFormat.Split, RingFormat.Packed];

    public static TheoryData<RingFormat> Indirect => [RingFormat.SplitIndirect, RingFormat.PackedIndirect];

    public static bool IsPacked(this RingFormat format) => format is RingFormat.Packed or RingFormat.PackedIndirect;

    public static bool IsIndirect(this RingFormat format) => format is RingFormat.SplitIndirect or RingFormat.PackedIndirect;
}
