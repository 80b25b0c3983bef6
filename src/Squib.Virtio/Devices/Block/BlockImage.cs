namespace Squib.Virtio.Devices.Block;

/// <summary>A backend in use, and how many are using it: a swap waits until nobody is.</summary>
internal sealed class BlockImage
{
    private readonly TaskCompletionSource idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int users = 1;
    private long sectors;
    private volatile bool dirty;

    internal BlockImage(IBlockBackend backend)
    {
        Backend = backend;
        Capacity = backend.Length;
    }

    internal IBlockBackend Backend { get; }

    /// <summary>The bytes that the driver may use.</summary>
    internal long Capacity
    {
        get => Volatile.Read(ref sectors) * BlockRequest.SectorBytes;
        set => Volatile.Write(ref sectors, value / BlockRequest.SectorBytes);
    }

    /// <summary>Done when the owner and all users have released the image.</summary>
    internal Task Idle => idle.Task;

    /// <summary>Whether something was written that no flush has committed yet.</summary>
    internal bool Dirty => dirty;

    /// <summary>Whether a range lies on the disk and is whole sectors.</summary>
    internal bool Holds(ulong sector, long bytes)
    {
        ulong all = (ulong)Volatile.Read(ref sectors);
        ulong asked = (ulong)bytes / BlockRequest.SectorBytes;
        return bytes % BlockRequest.SectorBytes == 0 && sector <= all && asked <= all - sector;
    }

    /// <summary>Begins to use the image; false if it has been swapped out and everybody has left.</summary>
    internal bool TryAcquire()
    {
        int now = Volatile.Read(ref users);
        while (now != 0)
        {
            int seen = Interlocked.CompareExchange(ref users, now + 1, now);
            if (seen == now) return true;
            now = seen;
        }

        return false;
    }

    /// <summary>Ends a use.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref users) == 0) idle.SetResult();
    }

    internal void MarkDirty()
    {
        if (!dirty) dirty = true;
    }

    /// <summary>Commits what was written.</summary>
    internal async ValueTask<BlockStatus> FlushAsync(CancellationToken reset)
    {
        // Before the flush: a write that ends while it runs may not be covered by it.
        dirty = false;
        BlockStatus status = BlockStatus.IoError;
        try
        {
            status = await Backend.FlushAsync(reset).ConfigureAwait(false);
        }
        finally
        {
            if (status != BlockStatus.Ok) dirty = true;
        }

        return status;
    }
}
