namespace Squib.Virtio.Queues;

/// <summary>What a queue asks of a ring between batches; the two formats implement it.</summary>
internal interface IRing
{
    /// <summary>The number of entries.</summary>
    int Size { get; }

    /// <summary>Why the ring can no longer be trusted.</summary>
    ChainFault Broken { get; }

    /// <summary>Says that the ring can no longer be trusted.</summary>
    void Break(ChainFault fault);

    /// <summary>Whether the driver has made buffers available that were not taken.</summary>
    bool HasAvailable();

    /// <summary>Asks the driver to notify when it next makes a buffer available.</summary>
    void EnableNotifications();

    /// <summary>Tells the driver that it need not notify.</summary>
    void DisableNotifications();

    /// <summary>Whether a notification with this position (NOTIFICATION_DATA) can be news.</summary>
    bool IsNews(ushort position, out bool valid);

    /// <summary>Puts a returned chain into the ring; the driver sees it after <see cref="Publish"/>.</summary>
    void Complete(DescriptorChain chain);

    /// <summary>Lets the driver see all completed chains.</summary>
    /// <returns>Whether there are any; then, behind a full fence, <see cref="WantsInterrupt"/> must be asked.</returns>
    bool Publish();

    /// <summary>Whether the driver wants an interrupt for the chains just published.</summary>
    bool WantsInterrupt();
}
