namespace Squib.Virtio.Queues;

/// <summary>What came of an attempt to take a chain from a ring.</summary>
internal enum TakeResult
{
    /// <summary>A chain, checked.</summary>
    Taken,

    /// <summary>The driver has made nothing more available.</summary>
    Nothing,

    /// <summary>A chain that cannot be served but can be returned.</summary>
    Malformed,

    /// <summary>The ring cannot be trusted any more.</summary>
    Broken,
}
