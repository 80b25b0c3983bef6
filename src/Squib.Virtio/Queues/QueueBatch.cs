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

    // The straight way: chains are returned one by one before the next is taken. One number then says how many are left and, by being
    // negative, that the current one is with the device. In a split ring it also says where the next one stands, counted back from the
    // ends; in a packed ring one position is both where the next chain is and where it is used.
    private bool isStraight;
    private int straight;
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
        if (isStraight) straight = size;
        else left = size;
    }

    private readonly IRing Ring => split is not null ? split : packed!;

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        int now = straight;
        if (now > 0)
        {
            // The commonest request, one buffer, without a call. A packed ring has no available ring.
            int at = 2 + ((endAvailable - now) & (table.Length - 1));
            if ((uint)at < (uint)available.Length)
            {
                int head = available[at];
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
            straight = ~now;
            int at = (endUsed + now) & (used.Length - 1);
            if ((uint)at < (uint)used.Length)
            {
                ref UsedElement element = ref used[at];
                element.Id = chain.Id;
                element.Length = chain.Writable.UsedLength;
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

    private bool TryTakeAny([NotNullWhen(true)] out DescriptorChain? chain)
    {
        if (straight > 0)
        {
            TakeResult result = split is not null
                ? split.Take(table, available, (ushort)(endAvailable - straight), current, out _)
                : packed!.Take(table, position, current, out _);
            if (result == TakeResult.Taken)
            {
                straight = -straight;
                chain = current;
                return true;
            }

            if (result == TakeResult.Nothing)
            {
                chain = null;
                return false;
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
            Ring.Complete(chain.Id, chain.Slots, length, length == chain.WriteTotal);
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
        if (split is not null) split.NextUsed = (ushort)(endUsed - unused);
        else packed!.LeaveStraightWay(position, held ? current.Slots : 0);
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }
}
