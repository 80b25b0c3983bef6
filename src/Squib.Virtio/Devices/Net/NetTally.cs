namespace Squib.Virtio.Devices.Net;

/// <summary>The counts of one pair of queues. Each field has one writer at a time: a loop, or who holds the backend's queue.</summary>
internal sealed class NetTally
{
    internal long FramesSent;
    internal long BytesSent;
    internal long MalformedSends;
    internal long SendsWithoutLink;
    internal long SpoofedSends;

    internal long FramesReceived;
    internal long BytesReceived;
    internal long Filtered;
    internal long BadLength;
    internal long BadOffload;
    internal long NoBufferFits;
    internal long ReceivesWithoutLink;
    internal long ReceivesWithoutDriver;
    internal long BadBuffers;
}
