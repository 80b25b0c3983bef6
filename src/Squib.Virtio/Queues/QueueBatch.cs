using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>A run of chains taken from one queue: the ring's host memory is looked up once for all of them.</summary>
/// <remarks>
/// Disposing publishes what was returned and decides on one interrupt for it. The default value has nothing to take. A batch lives
/// between two awaits of its owner.
/// </remarks>
public ref struct QueueBatch
{
    private readonly Virtqueue? queue;
    private readonly SplitRing? split;
    private readonly PackedRing? packed;
    private readonly Span<Descriptor> table;
    private readonly Span<ushort> available;
    private readonly Span<UsedElement> used;
    private int left;
    private int taken;

    internal QueueBatch(Virtqueue queue, IRing ring, int maximum)
    {
        this.queue = queue;
        left = maximum;
        split = ring as SplitRing;
        if (split is not null)
        {
            table = split.Table;
            available = split.Available;
            used = split.Used;
            left = Math.Min(maximum, split.CountAvailable(available));
        }
        else
        {
            packed = (PackedRing)ring;
            table = packed.Table;
        }
    }

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        while (left > 0)
        {
            left--;
            DescriptorChain next = queue!.NextFree();
            TakeResult result = split is not null
                ? split.Take(table, available, next, out ChainFault fault)
                : packed!.Take(table, next, out fault);
            if (result == TakeResult.Taken && !queue.IsInFlight(next.Id))
            {
                next.Owner = ChainOwner.Device;
                taken++;
                chain = next;
                return true;
            }

            if (!Refuse(result, fault, next)) break;
        }

        chain = null;
        return false;
    }

    /// <summary>Returns a chain; the driver sees it when the batch is disposed of.</summary>
    /// <param name="chain">The chain; it must not be touched any more.</param>
    /// <exception cref="InvalidOperationException">The chain is not taken, or was returned already.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Return(DescriptorChain chain)
    {
        if (queue!.ReturnWithin(chain)) Complete(chain.Id, chain.Slots, chain.Writable.UsedLength, chain.Writable.Total);
    }

    /// <summary>Publishes what was returned, and interrupts the driver if it wants that.</summary>
    public void Dispose()
    {
        if (queue is null) return;
        queue.EndBatch(split is not null ? split : packed!, taken);
        this = default;
    }

    private readonly void Complete(ushort id, ushort slots, uint length, uint total)
    {
        if (split is not null) split.Complete(used, id, length, length == total);
        else packed!.Complete(table, id, slots, length, length == total);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Refuse(TakeResult result, ChainFault fault, DescriptorChain chain)
    {
        bool known = result is TakeResult.Taken or TakeResult.Malformed;
        if (result == TakeResult.Malformed && !queue!.IsInFlight(chain.Id))
        {
            queue.CountDropped(fault);
            chain.SetEmpty();
            chain.Owner = ChainOwner.Device;
            Return(chain);
            return true;
        }

        // Another chain with this id is with the device: two answers to one id would give a buffer back too early.
        if (known) (split is not null ? (IRing)split : packed!).Break(ChainFault.AlreadyInFlight);
        left = 0;
        return false;
    }
}
