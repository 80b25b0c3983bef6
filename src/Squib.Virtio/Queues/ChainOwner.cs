namespace Squib.Virtio.Queues;

/// <summary>Who may touch a chain object.</summary>
internal enum ChainOwner
{
    /// <summary>The queue: the object is free.</summary>
    Queue,

    /// <summary>The device: it took the chain and has not returned it. The object that is next to be taken says so in advance.</summary>
    Device,

    /// <summary>Nobody: the chain lies in the list of returned ones.</summary>
    Returned,

    /// <summary>The queue: the chain was returned but with IN_ORDER others go before it.</summary>
    Waiting,
}
