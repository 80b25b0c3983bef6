namespace Squib.Virtio.Devices.Net;

/// <summary>Work on frames that is left to the other side; a header says what.</summary>
[Flags]
public enum NetOffloads
{
    /// <summary>Frames are complete, as they would be on a wire.</summary>
    None = 0,

    /// <summary>Checksums of TCP and UDP may have to be completed.</summary>
    Checksum = 1,

    /// <summary>TCP over IPv4 may have to be cut into segments.</summary>
    Tso4 = 2,

    /// <summary>TCP over IPv6 may have to be cut into segments.</summary>
    Tso6 = 4,

    /// <summary>Such TCP may carry congestion marks (ECN).</summary>
    Ecn = 8,

    /// <summary>UDP over IPv4 may have to be cut into fragments.</summary>
    Ufo = 16,

    /// <summary>All of these.</summary>
    All = Checksum | Tso4 | Tso6 | Ecn | Ufo,
}
