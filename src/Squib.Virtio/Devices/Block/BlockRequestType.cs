namespace Squib.Virtio.Devices.Block;

/// <summary>What a block request asks for (virtio 1.2, 5.2.6).</summary>
public enum BlockRequestType : uint
{
    /// <summary>Reads sectors.</summary>
    In = 0,

    /// <summary>Writes sectors.</summary>
    Out = 1,

    /// <summary>Commits completed writes to storage.</summary>
    Flush = 4,

    /// <summary>Asks for the id of the disk.</summary>
    GetId = 8,

    /// <summary>Gives sectors up; their contents do not matter any more.</summary>
    Discard = 11,

    /// <summary>Makes sectors read as zeros.</summary>
    WriteZeroes = 13,
}
