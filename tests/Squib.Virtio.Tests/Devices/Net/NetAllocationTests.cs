using Squib.Virtio.Devices.Net;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>A frame allocates nothing on the thread that passes it on.</summary>
public sealed class NetAllocationTests
{
    private const int Frames = 32;

    private readonly LoopbackNetBackend loop = new(NetOffloads.Checksum, 1 << 20);
    private readonly NetGuest guest;

    public NetAllocationTests()
    {
        guest = new(loop, buffers: 0);
        guest.Command(0, 0, 1);
    }

    [Theory]
    [InlineData(60, NetGuest.BufferBytes)]
    [InlineData(1514, NetGuest.BufferBytes)]
    [InlineData(1514, 512)]
    [InlineData(9014, NetGuest.BufferBytes)]
    public void A_frame_that_comes_and_goes_allocates_nothing(int length, int buffer) =>
        AssertNothing(Ethernet(Peer, Own, length), default, buffer, pieces: 1);

    [Fact]
    public void A_frame_in_pieces_allocates_nothing() =>
        AssertNothing(Ethernet(Peer, Own, 1514), default, NetGuest.BufferBytes, pieces: 5);

    [Fact]
    public void A_checksum_that_is_left_to_the_driver_allocates_nothing()
    {
        (byte[] frame, NetHeader header) = Unfinished(Udp4(Peer, Own, 1, 2, 1000));
        AssertNothing(frame, header, NetGuest.BufferBytes, pieces: 1);
    }

    [Fact]
    public void A_checksum_that_is_completed_allocates_nothing()
    {
        (byte[] frame, NetHeader header) = Unfinished(Udp4(Peer, Own, 1, 2, 1000));
        Assert.Equal(NetGuest.Ok, guest.UseOffloads(0));
        AssertNothing(frame, header, NetGuest.BufferBytes, pieces: 1);
    }

    private void AssertNothing(byte[] frame, NetHeader header, int buffer, int pieces)
    {
        // The first rounds fill pools, and a collection counts what is left of the thread's piece of heap: the least tells.
        long least = long.MaxValue;
        byte[] packet = [.. NetGuest.Bytes(header), .. frame];
        int buffers = Frames * ((packet.Length + buffer - 1) / buffer);
        for (int round = 0; round < 40; round++)
        {
            while (guest.Rx().InFlight < buffers) guest.Rx().Add([], [buffer]);
            guest.Rx().Kick();
            for (int i = 0; i < Frames; i++) guest.Tx().Add([.. packet.Chunk((packet.Length + pieces - 1) / pieces)]);
            guest.Tx().Publish();
            long before = GC.GetAllocatedBytesForCurrentThread();
            guest.Tx().Notify();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(Frames, guest.Tx().Reap().Count);
            Assert.Equal(Frames, guest.Receive().Count);
        }

        Assert.Equal(0, least);
    }
}
