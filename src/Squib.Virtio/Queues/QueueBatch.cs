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
    private readonly IRing? ring;
    private readonly Span<Descriptor> table;
    private readonly Span<ushort> available;
    private readonly Span<UsedElement> used;
    private readonly int size;
    private DescriptorChain current;

    // The straight way: a split ring whose chains are returned one by one before the next is taken. One number then says how many
    // are left, where the next one stands (counted back from the ends) and, by being negative, that the current one is with the device.
    private bool isStraight;
    private int straight;
    private ushort endAvailable;
    private ushort endUsed;

    // Any other way.
    private int left;
    private int taken;
    private bool held;

    internal QueueBatch(Virtqueue queue, IRing ring, DescriptorChain current, int maximum)
    {
        this.queue = queue;
        this.ring = ring;
        this.current = current;
        if (ring is not SplitRing split)
        {
            table = ((PackedRing)ring).Table;
            left = maximum;
            return;
        }

        table = split.Table;
        available = split.Available;
        used = split.Used;
        int count = Math.Min(maximum, split.CountAvailable(available));
        endAvailable = (ushort)(split.NextAvailable + count);
        endUsed = (ushort)(split.NextUsed + count);
        isStraight = !queue.MustKeepOrder && !queue.HasOutstanding;
        if (isStraight) straight = count;
        else left = count;
        size = count;
    }

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        int now = straight;
        if (now > 0)
        {
            int head = available[2 + ((endAvailable - now) & (table.Length - 1))];
            if ((uint)head < (uint)table.Length)
            {
                DescriptorChain next = current;
                Descriptor descriptor = table[head];
                uint flags = descriptor.FlagsOrId;
                if ((flags & (Descriptor.Next | Descriptor.Indirect)) == 0
                    && next.TrySetSingle(descriptor.Address, descriptor.Length, (flags & Descriptor.Write) != 0))
                {
                    next.Id = (ushort)head;
                    straight = -now;
                    chain = next;
                    return true;
                }
            }
        }

        return TryTakeAny(out chain);
    }

    /// <summary>Returns a chain; the driver sees it when the batch is disposed of.</summary>
    /// <param name="chain">The chain; it must not be touched any more.</param>
    /// <exception cref="InvalidOperationException">The chain is not taken, or was returned already.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Return(DescriptorChain chain)
    {
        int now = straight;
        if (now < 0 && ReferenceEquals(chain, current))
        {
            ref UsedElement element = ref used[(endUsed + now) & (used.Length - 1)];
            element.Id = chain.Id;
            element.Length = chain.Writable.UsedLength;
            straight = ~now;
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
        if (ring is SplitRing split) split.NextAvailable = (ushort)(endAvailable - left);
        queue.EndBatch(ring!, current, taken);
        this = default;
    }

    private bool TryTakeAny([NotNullWhen(true)] out DescriptorChain? chain)
    {
        if (straight > 0)
        {
            ushort position = (ushort)(endAvailable - straight);
            if (((SplitRing)ring!).Take(table, available, position, current, out _) == TakeResult.Taken)
            {
                straight = -straight;
                chain = current;
                return true;
            }
        }

        return TryTakeSlowly(out chain);
    }

    private bool TryTakeSlowly([NotNullWhen(true)] out DescriptorChain? chain)
    {
        if (isStraight) LeaveStraightWay();
        while (left > 0)
        {
            if (held) Keep();
            DescriptorChain next = current;
            TakeResult result = ring is SplitRing split
                ? split.Take(table, available, (ushort)(endAvailable - left), next, out ChainFault fault)
                : ((PackedRing)ring!).Take(table, next, out fault);
            if (result is TakeResult.Nothing or TakeResult.Broken) break;
            left--;
            if (queue!.IsInFlight(next.Id))
            {
                // Another chain with this id is with the device: two answers to one id would give a buffer back too early.
                ring.Break(ChainFault.AlreadyInFlight);
                break;
            }

            held = true;
            if (result == TakeResult.Taken)
            {
                taken++;
                chain = next;
                return true;
            }

            queue.CountDropped(fault);
            next.SetEmpty();
            Return(next);
        }

        chain = null;
        return false;
    }

    private void ReturnAny(DescriptorChain chain)
    {
        if (!held && ReferenceEquals(chain, current)) throw new InvalidOperationException("The chain has been returned already.");
        bool isCurrent = held && ReferenceEquals(chain, current) && chain.Owner == ChainOwner.Device;
        if (isCurrent && !queue!.MustKeepOrder)
        {
            held = false;
            uint length = chain.Writable.UsedLength;
            if (ring is PackedRing packed) packed.Write(table, chain.Id, chain.Slots, length);
            else ring!.Complete(chain.Id, chain.Slots, length, length == chain.WriteTotal);
            return;
        }

        // A chain kept from an earlier take, or one that may have to wait for others.
        if (isCurrent) Keep();
        queue!.Return(chain);
    }

    private void LeaveStraightWay()
    {
        isStraight = false;
        held = straight < 0;
        int unused = Math.Abs(straight);
        left = held ? unused - 1 : unused;
        taken = size - left;
        straight = 0;
        ((SplitRing)ring!).NextUsed = (ushort)(endUsed - unused);
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }
}
