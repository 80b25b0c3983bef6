using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Squib.Virtio.Queues;

/// <summary>A run of chains taken from one queue: the ring's host memory is looked up once for all of them.</summary>
/// <remarks>
/// Disposing publishes what was returned, decides on one interrupt for it, and asks the driver to notify if nothing is left to take. The
/// default value has nothing to take. A batch lives between two awaits of its owner.
/// </remarks>
public ref struct QueueBatch
{
    private readonly Virtqueue? queue;
    private readonly Span<Descriptor> table;
    private DescriptorChain current;

    // The straight way: each chain is returned before the next is taken. While these two numbers differ the current chain is with the
    // device. In a split ring they also say where the next chain stands, and where it is used: in the run of entries up to the ring's end.
    private bool isStraight;
    private int taken;
    private int returned;
    private Span<ushort> heads;
    private Span<UsedElement> used;

    // In a packed ring one position is both, and there may be as many chains as this.
    private int packedLimit;
    private PackedPosition position;
    private ulong firstUsed;

    // Any other way, and what lies behind the run: the entry to take next, how many may be, and how many were.
    private ushort start;
    private int left;
    private int takenBefore;
    private bool held;

    // Not for inlining: what is built here would be copied from place to place in the loop of the device.
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal QueueBatch(Virtqueue owner, int maximum)
    {
        current = null!;
        if (!owner.TryBeginBatch(out IRing? ring)) return;
        queue = owner;
        current = owner.Current;
        // With no chain outstanding the next one is used at the very place where it stands.
        isStraight = !owner.MustKeepOrder && !owner.HasOutstanding;
        if (ring is SplitRing split)
        {
            table = split.Table;
            start = split.NextAvailable;
            left = Math.Min(maximum, split.CountAvailable());
            if (isStraight) TakeRun(split);
        }
        else
        {
            PackedRing packed = (PackedRing)ring;
            table = packed.Table;
            position = packed.Position;
            isStraight &= !packed.HoldsUsed;
            if (isStraight) packedLimit = maximum;
            else left = maximum;
        }
    }

    private readonly IRing Ring => queue!.Ring;

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        int at = taken;
        if (at == returned)
        {
            // The commonest request, one buffer, without a call.
            Span<Descriptor> descriptors = table;
            Span<ushort> run = heads;
            DescriptorChain next = current;
            if ((uint)at < (uint)run.Length)
            {
                int head = run[at];
                if ((uint)head < (uint)descriptors.Length)
                {
                    Descriptor descriptor = descriptors[head];
                    uint flags = descriptor.FlagsAndNext;
                    if ((flags & (Descriptor.Next | Descriptor.Indirect)) == 0
                        && next.TrySetSingle(descriptor.Address, descriptor.Length, flags))
                    {
                        next.Id = (ushort)head;
                        taken = at + 1;
                        chain = next;
                        return true;
                    }
                }
            }
            else if (at < packedLimit)
            {
                Descriptor descriptor = PackedRing.Read(descriptors, position);
                uint flags = descriptor.NextOrFlags;
                if ((flags & PackedRing.SingleMask) == position.Phase
                    && next.TrySetSingle(descriptor.Address, descriptor.Length, flags))
                {
                    next.Id = descriptor.FlagsOrId;
                    next.Slots = 1;
                    taken = at + 1;
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
        int at = returned;
        if (at < taken && ReferenceEquals(chain, current))
        {
            returned = at + 1;
            Span<UsedElement> run = used;
            if ((uint)at < (uint)run.Length)
            {
                ref UsedElement element = ref run[at];
                element.Id = chain.Id;
                element.Length = chain.UsedLength;
            }
            else
            {
                ulong rest = PackedRing.ToUsed(position.Phase, chain.Id, chain.UsedLength);
                // Release: the buffers first. The driver cannot see this one before the first, which is written when the batch leaves.
                if (at == 0) firstUsed = rest;
                else Volatile.Write(ref table[position.Slot].Rest, rest);
                PackedRing.Advance(ref position, chain.Slots, table.Length);
            }

            return;
        }

        ReturnAny(chain);
    }

    /// <summary>Publishes what was returned, interrupts the driver if it wants that, and asks for the next notification.</summary>
    public void Dispose()
    {
        if (queue is not { } owner) return;
        if (isStraight) LeaveStraightWay();
        if (held) Keep();
        IRing ring = owner.Ring;
        if (ring is SplitRing split) split.NextAvailable = start;
        int count = takenBefore;
        DescriptorChain unused = current;
        this = default;
        owner.EndBatch(ring, unused, count);
    }

    private DescriptorChain? TakeAny()
    {
        if (isStraight && taken == returned)
        {
            TakeResult result;
            if (Ring is SplitRing split)
            {
                if (taken == heads.Length && !TryNextRun(split)) return null;
                result = split.Take(table, heads[taken], current, out _);
            }
            else
            {
                if (taken == packedLimit) return null;
                result = ((PackedRing)Ring).Take(table, position, current, out _);
            }

            if (result == TakeResult.Taken)
            {
                taken++;
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
            TakeResult result;
            ChainFault fault;
            if (Ring is SplitRing split)
            {
                result = split.Take(table, split.Heads[start & (table.Length - 1)], next, out fault);
                if (result != TakeResult.Broken) start++;
            }
            else
            {
                result = ((PackedRing)Ring).Take(table, next, out fault);
            }

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
                takenBefore++;
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

    /// <summary>Goes on with the entries from a position to the ring's end, as far as they are available.</summary>
    private void TakeRun(SplitRing split)
    {
        int from = start & (table.Length - 1);
        int run = Math.Min(left, table.Length - from);
        heads = split.Heads.Slice(from, run);
        used = split.Used.Slice(from, run);
        left -= run;
    }

    private bool TryNextRun(SplitRing split)
    {
        if (left == 0) return false;
        takenBefore += taken;
        start += (ushort)taken;
        taken = returned = 0;
        TakeRun(split);
        return true;
    }

    private void LeaveStraightWay()
    {
        isStraight = false;
        held = taken != returned;
        takenBefore += taken;
        if (Ring is SplitRing split)
        {
            split.NextUsed = (ushort)(start + returned);
            start += (ushort)taken;
            left += heads.Length - taken;
            heads = default;
            used = default;
        }
        else
        {
            ((PackedRing)Ring).LeaveStraightWay(position, returned > 0 ? firstUsed : null, held ? current.Slots : 0);
            left = packedLimit - taken;
            packedLimit = 0;
        }

        taken = returned = 0;
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }
}
