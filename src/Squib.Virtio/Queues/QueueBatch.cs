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
    private readonly int size;
    private DescriptorChain current;

    // The straight way: each chain is returned before the next is taken. Two numbers count down, and while they differ the current chain
    // is with the device. They also say where in a split ring the next chain stands and is used, counted back from the ends; in a packed
    // ring one position is both.
    private bool isStraight;
    private int toTake;
    private int toReturn;
    private readonly ushort endAvailable;
    private readonly ushort endUsed;
    private PackedPosition position;

    // Any other way.
    private int left;
    private int taken;
    private bool held;

    internal QueueBatch(Virtqueue queue, IRing ring, DescriptorChain current, int maximum)
    {
        this.queue = queue;
        this.current = current;
        split = ring as SplitRing;
        size = maximum;
        if (split is not null)
        {
            table = split.Table;
            available = split.Available;
            used = split.Used;
            size = Math.Min(maximum, split.CountAvailable(available));
            endAvailable = (ushort)(split.NextAvailable + size);
            endUsed = (ushort)(split.NextUsed + size);
        }
        else
        {
            packed = (PackedRing)ring;
            table = packed.Table;
            position = packed.Position;
        }

        isStraight = !queue.MustKeepOrder && !queue.HasOutstanding;
        if (isStraight) toTake = toReturn = size;
        else left = size;
    }

    private readonly IRing Ring => split is not null ? split : packed!;

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        int now = toTake;
        if (now != 0 && now == toReturn)
        {
            // The commonest request, one buffer, without a call. A packed ring has no available ring.
            Span<Descriptor> descriptors = table;
            Span<ushort> ring = available;
            int at = 2 + ((endAvailable - now) & (descriptors.Length - 1));
            if ((uint)at < (uint)ring.Length)
            {
                int head = ring[at];
                if ((uint)head < (uint)descriptors.Length)
                {
                    ref Descriptor descriptor = ref descriptors[head];
                    uint flags = descriptor.FlagsOrId;
                    DescriptorChain next = current;
                    if ((flags & (Descriptor.Next | Descriptor.Indirect)) == 0
                        && next.TrySetSingle(descriptor.Address, descriptor.Length, flags))
                    {
                        next.Id = (ushort)head;
                        toTake = now - 1;
                        chain = next;
                        return true;
                    }
                }
            }
        }

        // Not an out parameter: storing to one costs a write barrier.
        chain = TakeAny();
        return chain is not null;
    }

    /// <summary>Returns a chain; the driver sees it when the batch is disposed of.</summary>
    /// <param name="chain">The chain; it must not be touched any more.</param>
    /// <exception cref="InvalidOperationException">The chain is not taken, or was returned already.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Return(DescriptorChain chain)
    {
        int now = toReturn;
        if (now > toTake && ReferenceEquals(chain, current))
        {
            toReturn = now - 1;
            Span<UsedElement> ring = used;
            int at = (endUsed - now) & (ring.Length - 1);
            if ((uint)at < (uint)ring.Length)
            {
                ref UsedElement element = ref ring[at];
                element.Id = chain.Id;
                element.Length = chain.UsedLength;
            }
            else
            {
                packed!.Use(table, ref position, chain);
            }

            return;
        }

        ReturnAny(chain);
    }

    /// <summary>Publishes what was returned, and interrupts the driver if it wants that.</summary>
    public void Dispose()
    {
        if (queue is null) return;
        if (isStraight) LeaveStraightWay();
        if (held) Keep();
        if (split is not null) split.NextAvailable = (ushort)(endAvailable - left);
        queue.EndBatch(Ring, current, taken);
        this = default;
    }

    private DescriptorChain? TakeAny()
    {
        if (toTake != 0 && toTake == toReturn)
        {
            TakeResult result = split is not null
                ? split.Take(table, available, (ushort)(endAvailable - toTake), current, out _)
                : packed!.Take(table, position, current, out _);
            if (result == TakeResult.Taken)
            {
                toTake--;
                return current;
            }

            if (result == TakeResult.Nothing) return null;
        }

        return TakeSlowly();
    }

    private DescriptorChain? TakeSlowly()
    {
        if (isStraight) LeaveStraightWay();
        while (left > 0)
        {
            if (held) Keep();
            DescriptorChain next = current;
            TakeResult result = split is not null
                ? split.Take(table, available, (ushort)(endAvailable - left), next, out ChainFault fault)
                : packed!.Take(table, next, out fault);
            if (result is TakeResult.Nothing or TakeResult.Broken) break;
            left--;
            if (queue!.IsInFlight(next.Id))
            {
                // Another chain with this id is with the device: two answers to one id would give a buffer back too early.
                Ring.Break(ChainFault.AlreadyInFlight);
                break;
            }

            held = true;
            if (result == TakeResult.Taken)
            {
                taken++;
                return next;
            }

            queue.CountDropped(fault);
            next.SetEmpty();
            Return(next);
        }

        return null;
    }

    private void ReturnAny(DescriptorChain chain)
    {
        if (!held && ReferenceEquals(chain, current)) throw new InvalidOperationException("The chain has been returned already.");
        bool isCurrent = held && ReferenceEquals(chain, current) && chain.Owner == ChainOwner.Device;
        if (isCurrent && !queue!.MustKeepOrder)
        {
            held = false;
            Ring.Complete(chain);
            return;
        }

        // A chain kept from an earlier take, or one that may have to wait for others.
        if (isCurrent) Keep();
        queue!.Return(chain);
    }

    private void LeaveStraightWay()
    {
        isStraight = false;
        held = toTake != toReturn;
        left = toTake;
        taken = size - left;
        if (split is not null) split.NextUsed = (ushort)(endUsed - toReturn);
        else packed!.LeaveStraightWay(position, held ? current.Slots : 0);
        toTake = toReturn = 0;
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }
}
