namespace Squib.Virtio.Transport;

/// <summary>Hands out the 32 slots, lowest number first.</summary>
public sealed class SlotAllocator
{
    /// <summary>The number of slots, a hard ceiling.</summary>
    public const int Count = 32;

    private readonly Lock gate = new();
    private uint taken;

    /// <summary>The slots that are taken, by number.</summary>
    public IReadOnlyList<Slot> Taken
    {
        get
        {
            uint now = Volatile.Read(ref taken);
            return [.. Enumerable.Range(0, Count).Where(n => (now >> n & 1) != 0).Select(n => new Slot(n))];
        }
    }

    /// <summary>Takes the lowest free slot.</summary>
    /// <exception cref="InvalidOperationException">All 32 are taken.</exception>
    public Slot Allocate()
    {
        lock (gate)
        {
            int number = System.Numerics.BitOperations.TrailingZeroCount(~taken);
            if (number >= Count)
                throw new InvalidOperationException($"All {Count} virtio-MMIO slots are taken; a machine has no more than {Count} devices.");
            taken |= 1u << number;
            return new(number);
        }
    }

    /// <summary>Gives a slot back.</summary>
    /// <param name="slot">A slot that is taken.</param>
    /// <exception cref="ArgumentException">The slot is not taken.</exception>
    public void Free(Slot slot)
    {
        lock (gate)
        {
            if ((uint)slot.Number >= Count || (taken >> slot.Number & 1) == 0)
                throw new ArgumentException($"Slot {slot.Number} is not taken.", nameof(slot));
            taken &= ~(1u << slot.Number);
        }
    }
}
