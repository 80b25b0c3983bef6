using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Mem;

/// <summary>The region of a memory device: its sizes, its blocks, and the requests that change them.</summary>
internal sealed class MemRegion
{
    /// <summary>How much more than what is requested is usable, so that the driver has a choice of blocks.</summary>
    internal const long UsableExtent = 256L << 20;

    private readonly MemOptions options;
    private readonly IMemBackend backend;
    private readonly MemBlocks blocks;
    private readonly Lock gate = new();
    private long requested;
    private long usable;

    internal MemRegion(MemOptions options, IMemBackend backend)
    {
        this.options = options;
        this.backend = backend;
        blocks = new((int)(options.RegionBytes / options.BlockBytes));
        Config = MemConfig.Create(options);
        requested = options.RequestedBytes;
        usable = UsableFor(requested);
        Publish(tells: false);
    }

    internal ConfigSpace Config { get; }

    /// <summary>Where a backend that fails is told of: the last session.</summary>
    internal DriverSession? Session { get; set; }

    internal long Requested
    {
        get
        {
            lock (gate) return requested;
        }

        set
        {
            lock (gate)
            {
                requested = value;
                // MUST NOT (5.15.4.2): the usable region shrinks only when all is unplugged.
                usable = Math.Max(usable, UsableFor(value));
                Publish(tells: true);
            }
        }
    }

    internal long Usable
    {
        get
        {
            lock (gate) return usable;
        }
    }

    internal long Plugged
    {
        get
        {
            lock (gate) return blocks.Plugged * options.BlockBytes;
        }
    }

    internal MemBlockState StateOf(long offset, long length)
    {
        lock (gate) return blocks.StateOf((int)(offset / options.BlockBytes), (int)(length / options.BlockBytes));
    }

    /// <summary>Serves a request; the first check that fails decides.</summary>
    internal MemResponse Serve(in MemRequest request)
    {
        lock (gate)
        {
            if (request.Type == MemRequestType.UnplugAll) return UnplugAll();
            if (request.Type > MemRequestType.State || !TryLocate(request, out int first, out int count))
                return MemResponseType.Error;
            return request.Type switch
            {
                MemRequestType.Plug => Plug(first, count),
                MemRequestType.Unplug => Unplug(first, count),
                _ => new(MemResponseType.Ack, blocks.StateOf(first, count)),
            };
        }
    }

    /// <summary>Unplugs all blocks, or none.</summary>
    internal MemResponse UnplugAll()
    {
        lock (gate)
        {
            List<(int First, int Count)> runs = blocks.ToRuns();
            for (int i = 0; i < runs.Count; i++)
            {
                if (TryUnplug(runs[i].First, runs[i].Count)) continue;
                // The backend has undone the last run; those before it become what the driver still believes them to
                // be.
                for (int k = 0; k < i; k++)
                {
                    (int first, int count) = runs[k];
                    if (!TryPlug(first, count)) blocks.Set(first, count, isPlugged: false);
                }

                Publish(tells: false);
                return MemResponseType.Busy;
            }

            foreach ((int First, int Count) run in runs) blocks.Set(run.First, run.Count, isPlugged: false);
            usable = UsableFor(requested);
            Publish(tells: false);
            return MemResponseType.Ack;
        }
    }

    private MemResponse Plug(int first, int count)
    {
        if (blocks.StateOf(first, count) != MemBlockState.Unplugged) return MemResponseType.Error;
        if ((blocks.Plugged + (long)count) * options.BlockBytes > requested) return MemResponseType.Nack;
        return Change(first, count, isPlugged: true, TryPlug(first, count));
    }

    private MemResponse Unplug(int first, int count)
    {
        if (blocks.StateOf(first, count) != MemBlockState.Plugged) return MemResponseType.Error;
        return Change(first, count, isPlugged: false, TryUnplug(first, count));
    }

    private MemResponse Change(int first, int count, bool isPlugged, bool done)
    {
        if (!done) return MemResponseType.Busy;
        blocks.Set(first, count, isPlugged);
        // SHOULD NOT (5.15.4.2): the driver is not told of what it has done itself.
        MemConfig.SetPlugged(Config, blocks.Plugged * options.BlockBytes);
        return MemResponseType.Ack;
    }

    private bool TryLocate(in MemRequest request, out int first, out int count)
    {
        ulong block = (ulong)options.BlockBytes;
        ulong offset = request.Address - options.Address;
        ulong length = request.Blocks * block;
        // Below the region the offset wraps and is far beyond its end; the subtraction does not wrap after that
        // comparison.
        bool valid = request.Address % block == 0 && request.Blocks != 0
            && offset < (ulong)usable && length <= (ulong)usable - offset;
        first = valid ? (int)(offset / block) : 0;
        count = valid ? request.Blocks : 0;
        return valid;
    }

    private bool TryPlug(int first, int count)
    {
        if (Try(backend.TryPlug, first, count)) return true;
        Try(backend.TryUnplug, first, count);
        return false;
    }

    private bool TryUnplug(int first, int count)
    {
        if (Try(backend.TryUnplug, first, count)) return true;
        Try(backend.TryPlug, first, count);
        return false;
    }

    private bool Try(Func<long, long, bool> change, int first, int count)
    {
        try
        {
            return change(first * options.BlockBytes, count * options.BlockBytes);
        }
        catch (Exception error)
        {
            Session?.ReportHostFailure("a change of blocks", error);
            // What a backend throws is its own; the driver is told to try again later, and the device lives on.
            return false;
        }
    }

    private long UsableFor(long bytes) =>
        (Math.Min(options.RegionBytes, bytes + UsableExtent) + options.BlockBytes - 1) & -options.BlockBytes;

    private void Publish(bool tells) =>
        MemConfig.SetSizes(Config, usable, blocks.Plugged * options.BlockBytes, requested, tells);
}
