namespace Squib.Virtio.Devices.Mem;

/// <summary>The state of the blocks of a range.</summary>
public enum MemBlockState : ushort
{
    /// <summary>All are plugged.</summary>
    Plugged = 0,

    /// <summary>None is plugged.</summary>
    Unplugged = 1,

    /// <summary>Some are plugged.</summary>
    Mixed = 2,
}
