namespace Squib.Virtio.Devices.Net;

/// <summary>What a <see cref="StreamFrameReader"/> has.</summary>
internal enum StreamFrameRead
{
    /// <summary>A whole frame.</summary>
    Frame,

    /// <summary>Not yet a whole frame.</summary>
    Nothing,

    /// <summary>The peer is gone, or has said what cannot be.</summary>
    Failed,
}
