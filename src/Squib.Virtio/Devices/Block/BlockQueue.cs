using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Block;

/// <summary>
/// The loop of one queue in one session: takes requests, checks them, hands them to the backend, answers.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop disposes of the gate.")]
internal sealed class BlockQueue
{
    /// <summary>
    /// The most requests of one batch, so that the first does not wait for many others to be read from a slow disk.
    /// </summary>
    private const int BatchSize = 32;

    private readonly BlockDevice device;
    private readonly Virtqueue queue;
    private readonly BlockTally tally;
    private readonly RateGate gate;
    private readonly ulong features;
    private readonly DriverSession session;
    private readonly CancellationToken reset;

    // Whether the current request has got as far as the backend: if so, what fails is the host's.
    private bool isAsked;
    private PendingBlockRequest? free;
    private PendingBlockRequest? recycled;

    internal BlockQueue(BlockDevice device, DriverSession session, int index, BlockTally tally, CancellationToken reset)
    {
        this.device = device;
        this.tally = tally;
        this.reset = reset;
        queue = session.Queues[index];
        gate = new(device.Control, queue);
        features = session.Features;
        this.session = session;
    }

    internal async Task RunAsync()
    {
        using (gate)
        {
            while (await gate.WaitAsync().ConfigureAwait(false)) ServeBatch();
        }
    }

    /// <summary>Fills the status byte of a request whose work is done.</summary>
    internal void Answer(DescriptorChain chain, BlockRequestType type, BlockStatus status, long begun, Exception? error, bool wasAsked)
    {
        // A backend that left bytes over has not moved them, whatever it says: what was in the guest's memory before is no data, and
        // what the disk does not have is not written.
        bool isShort = (type == BlockRequestType.In && chain.Writable.Length != 0)
            || (type == BlockRequestType.Out && chain.Readable.Length != 0);
        if (isShort && status == BlockStatus.Ok) status = BlockStatus.IoError;
        if (status != BlockStatus.Ok) Interlocked.Increment(ref tally.Failed);
        // What a reset has cancelled has not failed.
        if (status == BlockStatus.IoError && wasAsked && !reset.IsCancellationRequested) session.ReportHostFailure(ToOperation(type), error);
        chain.Writable.WriteStatus((byte)status);
        if (begun != 0) Meters.End(begun, "block", session.Name, ToOperation(type));
    }

    internal void Return(DescriptorChain chain) => queue.Return(chain);

    /// <summary>Takes the object of a completed request back; any thread may.</summary>
    internal void Recycle(PendingBlockRequest request)
    {
        PendingBlockRequest? head = Volatile.Read(ref recycled);
        while (true)
        {
            request.Next = head;
            PendingBlockRequest? seen = Interlocked.CompareExchange(ref recycled, request, head);
            if (ReferenceEquals(seen, head)) return;
            head = seen;
        }
    }

    private void ServeBatch()
    {
        BlockImage image = device.AcquireImage();
        try
        {
            using QueueBatch batch = queue.BeginBatch(BatchSize);
            // Nobody reads the answers after a reset, and each may take gigabytes.
            while (!reset.IsCancellationRequested && gate.MayPass() && batch.TryTake(out DescriptorChain? chain))
            {
                gate.Charge(bytes: 0);
                if (TryServe(chain, image)) batch.Return(chain);
            }
        }
        finally
        {
            image.Release();
        }
    }

    /// <summary>Serves a request.</summary>
    /// <returns>Whether it is answered; if not, it will be when the backend is done.</returns>
    private bool TryServe(DescriptorChain chain, BlockImage image)
    {
        if (!chain.Writable.TryReserveStatus())
        {
            // Nowhere to say what is wrong: the chain goes back with length 0.
            tally.Malformed++;
            return true;
        }

        long begun = Meters.Begin();
        BlockStatus status = BlockStatus.IoError;
        Exception? error = null;
        isAsked = false;
        if (BlockRequest.TryRead(chain.Readable, out BlockRequest request))
        {
            try
            {
                ValueTask<BlockStatus> pending = Start(request, chain, image);
                if (!pending.IsCompleted)
                {
                    image.TryAcquire();
                    TakeFree().Start(pending, request.Type, chain, image, begun);
                    return false;
                }

                status = pending.GetAwaiter().GetResult();
            }
            catch (Exception thrown)
            {
                // What a backend throws is its own; the driver is told that the request failed, and the device lives
                // on.
                (status, error) = (BlockStatus.IoError, thrown);
            }
        }

        Answer(chain, request.Type, status, begun, error, isAsked);
        return true;
    }

    private ValueTask<BlockStatus> Start(in BlockRequest request, DescriptorChain chain, BlockImage image)
    {
        switch (request.Type)
        {
            case BlockRequestType.In:
                tally.Reads++;
                if (!IsTransfer(request, chain.Writable.Length, chain.Readable.Length, image))
                    return new(BlockStatus.IoError);
                tally.BytesRead += chain.Writable.Length;
                gate.Charge(chain.Writable.Length, requests: 0);
                isAsked = true;
                return image.Backend.ReadAsync(chain.Writable, (long)request.Sector * BlockRequest.SectorBytes, reset);
            case BlockRequestType.Out:
                tally.Writes++;
                // MUST (5.2.6.2): a read-only disk fails writes with IOERR, whether or not the driver has accepted RO.
                if (device.ReadOnly || !IsTransfer(request, chain.Readable.Length, chain.Writable.Length, image))
                    return new(BlockStatus.IoError);
                tally.BytesWritten += chain.Readable.Length;
                gate.Charge(chain.Readable.Length, requests: 0);
                return WriteAsync(chain.Readable, (long)request.Sector * BlockRequest.SectorBytes, image);
            case BlockRequestType.Flush:
                tally.Flushes++;
                isAsked = true;
                return Has(BlockFeature.Flush) ? image.FlushAsync(reset) : new(BlockStatus.Unsupported);
            case BlockRequestType.GetId:
                return new(device.WriteId(chain.Writable));
            case BlockRequestType.Discard:
                tally.Discards++;
                return EraseAsync(request.Type, BlockFeature.Discard, chain, image);
            case BlockRequestType.WriteZeroes:
                tally.WriteZeroes++;
                return EraseAsync(request.Type, BlockFeature.WriteZeroes, chain, image);
            default:
                return new(BlockStatus.Unsupported);
        }
    }

    private static string ToOperation(BlockRequestType type) => type switch
    {
        BlockRequestType.In => "read",
        BlockRequestType.Out => "write",
        BlockRequestType.Flush => "flush",
        BlockRequestType.GetId => "get_id",
        BlockRequestType.Discard => "discard",
        BlockRequestType.WriteZeroes => "write_zeroes",
        _ => "unknown",
    };

    private bool Has(ulong feature) => (features & feature) != 0;

    /// <summary>Whether a request moves whole sectors of the disk in one direction only.</summary>
    private bool IsTransfer(in BlockRequest request, long bytes, long wrongWay, BlockImage image) =>
        wrongWay == 0 && bytes <= device.MaxTransferBytes && image.Holds(request.Sector, bytes);

    private ValueTask<BlockStatus> WriteAsync(ReadableSegments source, long offset, BlockImage image)
    {
        image.MarkDirty();
        isAsked = true;
        return device.WritesThrough(features)
            ? CommitAsync(image.Backend.WriteAsync(source, offset, reset), image)
            : image.Backend.WriteAsync(source, offset, reset);
    }

    /// <summary>MUST (5.2.6.2): without a write cache the data is on storage before the request completes.</summary>
    private async ValueTask<BlockStatus> CommitAsync(ValueTask<BlockStatus> writing, BlockImage image)
    {
        BlockStatus status = await writing.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await image.FlushAsync(reset).ConfigureAwait(false) : status;
    }

    private async ValueTask<BlockStatus> EraseAsync(
        BlockRequestType type, ulong feature, DescriptorChain chain, BlockImage image)
    {
        if (device.ReadOnly) return BlockStatus.IoError;
        if (!Has(feature)) return BlockStatus.Unsupported;
        long bytes = chain.Readable.Length;
        bool whole = bytes > 0 && bytes % BlockRange.Size == 0 && chain.Writable.Length == 0;
        if (!whole || bytes / BlockRange.Size > device.MaxRanges) return BlockStatus.IoError;
        int count = (int)(bytes / BlockRange.Size);
        // All ranges are copied and checked before the first is touched: the guest may change them, and one bad flag
        // refuses all.
        BlockRange[] ranges = ArrayPool<BlockRange>.Shared.Rent(count);
        try
        {
            BlockStatus status = Check(type, chain.Readable, ranges.AsSpan(0, count), image);
            if (status == BlockStatus.Ok)
            {
                image.MarkDirty();
                isAsked = true;
            }

            for (int i = 0; i < count && status == BlockStatus.Ok; i++)
                status = await EraseAsync(type, ranges[i], image.Backend).ConfigureAwait(false);
            return status == BlockStatus.Ok && device.WritesThrough(features)
                ? await image.FlushAsync(reset).ConfigureAwait(false)
                : status;
        }
        finally
        {
            ArrayPool<BlockRange>.Shared.Return(ranges);
        }
    }

    private BlockStatus Check(BlockRequestType type, ReadableSegments source, Span<BlockRange> ranges, BlockImage image)
    {
        bool discards = type == BlockRequestType.Discard;
        uint most = discards ? device.MaxDiscardSectors : device.MaxWriteZeroesSectors;
        // MUST (5.2.6.2): unknown flags are UNSUPP, and for a discard so is unmap.
        uint known = discards ? 0 : BlockRange.Unmap;
        BlockStatus status = BlockStatus.Ok;
        Span<byte> bytes = stackalloc byte[BlockRange.Size];
        foreach (ref BlockRange range in ranges)
        {
            if (!source.TryRead(bytes)) return BlockStatus.IoError;
            range = BlockRange.Read(bytes);
            if ((range.Flags & ~known) != 0) return BlockStatus.Unsupported;
            if (range.Sectors > most || !image.Holds(range.Sector, (long)range.Sectors * BlockRequest.SectorBytes))
                status = BlockStatus.IoError;
        }

        // A backend may have to write all the zeros.
        if (status == BlockStatus.Ok && !discards)
        {
            foreach (BlockRange range in ranges) gate.Charge((long)range.Sectors * BlockRequest.SectorBytes, requests: 0);
        }

        return status;
    }

    private ValueTask<BlockStatus> EraseAsync(BlockRequestType type, in BlockRange range, IBlockBackend backend)
    {
        if (range.Sectors == 0) return new(BlockStatus.Ok);
        long offset = (long)range.Sector * BlockRequest.SectorBytes;
        long length = (long)range.Sectors * BlockRequest.SectorBytes;
        return type == BlockRequestType.Discard
            ? backend.DiscardAsync(offset, length, reset)
            : backend.WriteZeroesAsync(offset, length, (range.Flags & BlockRange.Unmap) != 0, reset);
    }

    private PendingBlockRequest TakeFree()
    {
        // Only this loop takes, and it takes the whole list of recycled ones at once.
        free ??= Interlocked.Exchange(ref recycled, null);
        if (free is not { } request) return new(this);
        free = request.Next;
        request.Next = null;
        return request;
    }
}
