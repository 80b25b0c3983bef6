using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

public sealed class VirtqueueTests
{
    public static TheoryData<bool, bool, bool, bool> Formats => new()
    {
        { false, false, false, false },
        { false, true, false, false },
        { false, true, true, false },
        { false, true, false, true },
        { true, false, false, false },
        { true, true, false, false },
        { true, true, true, false },
        { true, true, false, true },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_buffer_is_echoed_across_the_index_wrap(bool packed, bool eventIndex, bool inOrder, bool indirect)
    {
        (GuestDriver driver, _, _) = GuestDriver.Attach(
            new EchoDevice(8), new() { RingPacked = packed, EventIndex = eventIndex, InOrder = inOrder });
        DriverQueue queue = driver.Start()!;
        for (int i = 0; i < 70_000; i++)
        {
            byte[] sent = [(byte)i, (byte)(i >> 8), (byte)(i >> 16)];
            queue.Submit([sent], [2, 4], indirect);
            UsedBuffer used = Assert.Single(queue.Reap());
            Assert.Equal(3u, used.Length);
            Assert.Equal(sent, used.Written);
        }
    }
}
