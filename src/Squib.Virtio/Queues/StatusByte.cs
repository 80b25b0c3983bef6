namespace Squib.Virtio.Queues;

/// <summary>What has become of the byte in which a request reports its status.</summary>
internal enum StatusByte
{
    /// <summary>There is none: all writable bytes are data.</summary>
    None,

    /// <summary>The last writable byte is set aside.</summary>
    Reserved,

    /// <summary>It has been written.</summary>
    Written,
}
