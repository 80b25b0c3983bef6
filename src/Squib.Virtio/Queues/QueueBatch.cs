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
    private readonly bool isSplit;
    private readonly bool inOrder;
    private readonly Span<Descriptor> table;
    private readonly Span<ushort> available;
    private readonly Span<UsedElement> used;
    private DescriptorChain current;

    // Whether the chain object that is used again and again is with the device. It is returned before the next one is taken, unless the
    // device keeps the chain.
    private bool held;
    private int left;
    private int taken;
    private ushort nextAvailable;
    private ushort nextUsed;

    internal QueueBatch(Virtqueue queue, IRing ring, DescriptorChain current, int maximum, bool inOrder)
    {
        this.queue = queue;
        this.ring = ring;
        this.current = current;
        this.inOrder = inOrder;
        left = maximum;
        if (ring is SplitRing split)
        {
            isSplit = true;
            table = split.Table;
            available = split.Available;
            used = split.Used;
            left = Math.Min(maximum, split.CountAvailable(available));
            nextAvailable = split.NextAvailable;
            nextUsed = split.NextUsed;
        }
        else
        {
            table = ((PackedRing)ring).Table;
        }
    }

    /// <summary>Takes the next chain; malformed ones are returned to the driver unserved and not seen here.</summary>
    /// <param name="chain">The chain; return it, now or later.</param>
    /// <returns>False when the batch is at its end; wait on the queue for more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake([NotNullWhen(true)] out DescriptorChain? chain)
    {
        chain = null;
        if (left <= 0) return false;
        if (isSplit && !held)
        {
            // The commonest request, one buffer in the region used last, without a call.
            int head = available[2 + (nextAvailable & (table.Length - 1))];
            if ((uint)head < (uint)table.Length && !queue!.HasOutstanding)
            {
                Descriptor descriptor = table[head];
                uint flags = descriptor.FlagsOrId;
                if ((flags & (Descriptor.Next | Descriptor.Indirect)) == 0
                    && current.TrySetSingle(descriptor.Address, descriptor.Length, (flags & Descriptor.Write) != 0))
                {
                    current.Id = (ushort)head;
                    nextAvailable++;
                    left--;
                    taken++;
                    held = true;
                    chain = current;
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
        if (!held || !ReferenceEquals(chain, current) || inOrder || chain.Owner != ChainOwner.Device)
        {
            ReturnKept(chain);
            return;
        }

        held = false;
        uint length = chain.Writable.UsedLength;
        if (isSplit)
        {
            ref UsedElement element = ref used[nextUsed & (used.Length - 1)];
            element.Id = chain.Id;
            element.Length = length;
            nextUsed++;
        }
        else
        {
            ((PackedRing)ring!).Write(table, chain.Id, chain.Slots, length);
        }
    }

    /// <summary>Publishes what was returned, and interrupts the driver if it wants that.</summary>
    public void Dispose()
    {
        if (queue is null) return;
        if (held) Keep();
        Commit();
        queue.EndBatch(ring!, current, taken);
        this = default;
    }

    private bool TryTakeAny([NotNullWhen(true)] out DescriptorChain? chain)
    {
        while (left > 0)
        {
            left--;
            if (held) Keep();
            DescriptorChain next = current;
            TakeResult result;
            ChainFault fault;
            if (isSplit)
            {
                result = ((SplitRing)ring!).Take(table, available, nextAvailable, next, out fault);
                if (result != TakeResult.Broken) nextAvailable++;
            }
            else
            {
                result = ((PackedRing)ring!).Take(table, next, out fault);
            }

            if (result == TakeResult.Taken && !queue!.IsInFlight(next.Id))
            {
                held = true;
                taken++;
                chain = next;
                return true;
            }

            if (!Refuse(result, fault, next)) break;
        }

        chain = null;
        return false;
    }

    private bool Refuse(TakeResult result, ChainFault fault, DescriptorChain chain)
    {
        if (result == TakeResult.Malformed && !queue!.IsInFlight(chain.Id))
        {
            queue.CountDropped(fault);
            chain.SetEmpty();
            held = true;
            Return(chain);
            return true;
        }

        // Another chain with this id is with the device: two answers to one id would give a buffer back too early.
        if (result is TakeResult.Taken or TakeResult.Malformed) ring!.Break(ChainFault.AlreadyInFlight);
        left = 0;
        return false;
    }

    /// <summary>Returns a chain that was kept from an earlier take, or one that may have to wait for others.</summary>
    private void ReturnKept(DescriptorChain chain)
    {
        if (held && ReferenceEquals(chain, current)) Keep();
        queue!.Return(chain);
    }

    /// <summary>Leaves the chain taken last to the device, and goes on with another object.</summary>
    private void Keep()
    {
        held = false;
        current = queue!.Keep(current);
    }

    private readonly void Commit()
    {
        if (isSplit) ((SplitRing)ring!).Commit(nextAvailable, nextUsed);
    }
}
