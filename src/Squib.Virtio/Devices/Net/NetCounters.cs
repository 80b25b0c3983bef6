namespace Squib.Virtio.Devices.Net;

/// <summary>What a network device has done since it was made.</summary>
public sealed record NetCounters
{
    /// <summary>Frames that were handed to the backend.</summary>
    public long FramesSent { get; init; }

    /// <summary>The bytes of these frames.</summary>
    public long BytesSent { get; init; }

    /// <summary>Frames that were put into buffers of the driver.</summary>
    public long FramesReceived { get; init; }

    /// <summary>The bytes of these frames.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Frames of the driver whose header or size makes no sense, or asks for what was not negotiated; not sent.</summary>
    public long MalformedSends { get; init; }

    /// <summary>Frames of the driver that were not sent because the link was down.</summary>
    public long SendsWithoutLink { get; init; }

    /// <summary>Frames that were sent with another source address than the device's.</summary>
    public long SpoofedSends { get; init; }

    /// <summary>Frames from the backend that the driver's filters, or its address, kept out.</summary>
    public long Filtered { get; init; }

    /// <summary>Frames from the backend that were shorter than an Ethernet header or longer than the MTU allows.</summary>
    public long BadLength { get; init; }

    /// <summary>Frames from the backend that would have had to be cut, or completed in a way that made no sense.</summary>
    public long BadOffload { get; init; }

    /// <summary>Frames from the backend that fitted no buffer of the driver.</summary>
    public long NoBufferFits { get; init; }

    /// <summary>Frames from the backend that came while the link was down.</summary>
    public long ReceivesWithoutLink { get; init; }

    /// <summary>Frames from the backend that came before the driver was ready, or for a queue that it has disabled.</summary>
    public long ReceivesWithoutDriver { get; init; }

    /// <summary>Receive buffers of the driver that could not be used and went back empty.</summary>
    public long BadBuffers { get; init; }

    /// <summary>Commands on the control queue.</summary>
    public long Commands { get; init; }

    /// <summary>Those that were answered with an error, or could not be answered.</summary>
    public long FailedCommands { get; init; }
}
