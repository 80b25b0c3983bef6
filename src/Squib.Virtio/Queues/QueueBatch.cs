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
    private readonly Span<Descriptor> table;
    private readonly Span<ushort> heads;
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
    private ulong firstUsed;

    // Any other way.
    private int left;
    private int taken;
    private bool held;

    // Not for inlining: what is built here would be copied from place to place in the loop of the device.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal QueueBatch(Virtqueue owner, int maximum)
    {
        current = null!;
        if (!owner.TryBeginBatch(out IRing? ring)) return;
        queue = owner;
        current = owner.Current;
        isStraight = !owner.MustKeepOrder && !owner.HasOutstanding;
        if (ring is SplitRing split)
        {
            table = split.Table;
            heads = split.Heads;
            used = split.Used;
            size = Math.Min(maximum, split.CountAvailable());
            endAvailable = (ushort)(split.NextAvailable + size);
            endUsed = (ushort)(split.NextUsed + size);
        }
        else
        {
            PackedRing packed = (PackedRing)ring;
            table = packed.Table;
            size = maximum;
            position = packed.Position;
            isStraight &= !packed.HoldsUsed;
        }

        if (isStraight) toTake = toReturn = size;
        else left = size;
    }

    private readonly IRing Ring => queue!.Ring;

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        int now = toTake;
        if (now != 0 && now == toReturn)
        {
            // The commonest request, one buffer, without a call. Only a split ring has heads.
            Span<Descriptor> descriptors = table;
            Span<ushort> ring = heads;
            DescriptorChain next = current;
            if (!ring.IsEmpty)
            {
                int head = ring[(endAvailable - now) & (ring.Length - 1)];
                if ((uint)head < (uint)descriptors.Length)
                {
                    Descriptor descriptor = descriptors[head];
                    uint flags = descriptor.FlagsAndNext;
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
            else
            {
                Descriptor descriptor = PackedRing.Read(descriptors, position);
                uint flags = descriptor.NextOrFlags;
                if ((flags & PackedRing.SingleMask) == position.Phase
                    && next.TrySetSingle(descriptor.Address, descriptor.Length, flags))
                {
                    next.Id = descriptor.FlagsOrId;
                    next.Slots = 1;
                    toTake = now - 1;
                    chain = next;
                    return true;
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
            if (!ring.IsEmpty)
            {
                ref UsedElement element = ref ring[(endUsed - now) & (ring.Length - 1)];
                element.Id = chain.Id;
                element.Length = chain.UsedLength;
            }
            else
            {
                ulong rest = PackedRing.ToUsed(position.Phase, chain.Id, chain.UsedLength);
                // Release: the buffers first. The driver cannot see this one before the first, which is written when the batch leaves.
                if (now == size) firstUsed = rest;
                else Volatile.Write(ref table[position.Slot].Rest, rest);
                PackedRing.Advance(ref position, chain.Slots, table.Length);
            }

            return;
        }

        ReturnAny(chain);
    }

    /// <summary>Publishes what was returned, and interrupts the driver if it wants that.</summary>
    public void Dispose()
    {
        if (queue is not { } owner) return;
        if (isStraight) LeaveStraightWay();
        if (held) Keep();
        IRing ring = owner.Ring;
        if (ring is SplitRing split) split.NextAvailable = (ushort)(endAvailable - left);
        int count = taken;
        DescriptorChain unused = current;
        this = default;
        owner.EndBatch(ring, unused, count);
    }

    private DescriptorChain? TakeAny()
    {
        if (toTake == toReturn && isStraight)
        {
            if (toTake == 0) return null;
            TakeResult result = Ring is SplitRing split
                ? split.Take(table, heads, (ushort)(endAvailable - toTake), current, out _)
                : ((PackedRing)Ring).Take(table, position, current, out _);
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
            TakeResult result = Ring is SplitRing split
                ? split.Take(table, heads, (ushort)(endAvailable - left), next, out ChainFault fault)
                : ((PackedRing)Ring).Take(table, next, out fault);
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
        queue!.GiveBack(chain);
    }

    private void LeaveStraightWay()
    {
        isStraight = false;
        held = toTake != toReturn;
        left = toTake;
        taken = size - left;
        if (Ring is SplitRing split) split.NextUsed = (ushort)(endUsed - toReturn);
        else ((PackedRing)Ring).LeaveStraightWay(position, toReturn < size ? firstUsed : null, held ? current.Slots : 0);
        toTake = toReturn = 0;
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }
}
