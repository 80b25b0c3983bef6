namespace Squib.Fuzz.Rings;

/// <summary>The split ring (virtio 1.2, 2.7).</summary>
internal sealed class SplitSide(GuestRam ram) : RingSide(ram)
{
    private readonly ulong[] slotsOf = new ulong[MaxSize];
    private ulong busy;
    private ushort posted;
    private ushort deviceNext;
    private ushort usedNext;
    private ushort usedMark;

    internal override ushort Position => Ram.Load16(DriverArea + 2);

    private ulong UsedEvent => DriverArea + 4 + (ulong)(2 * Size);

    internal override void Publish() => Ram.Store16(DriverArea + 2, posted);

    internal override bool IsNews(ushort position) => position != deviceNext;

    internal override void Take(int lent, Func<ushort, bool?> isInFlight, Func<ExpectedChain, bool> serve)
    {
        ushort ahead = (ushort)(Ram.Load16(DriverArea + 2) - deviceNext);
        IsBroken |= ahead > Size;
        for (; ahead > 0 && !IsBroken; ahead--)
        {
            ushort head = Ram.Load16(DriverArea + 4 + (ulong)(2 * (deviceNext % Size)));
            bool? again = head < Size ? isInFlight(head) : false;
            IsBroken |= head >= Size || again == true;
            IsUncertain |= again is null;
            if (IsBroken || IsUncertain) return;
            ExpectedChain chain = new() { Id = head };
            chain.IsMalformed = !TryWalk(chain, head) || !HasGoodLength(chain);
            deviceNext++;
            serve(chain);
        }
    }

    internal override bool LooksUsed() => Ram.Load16(DeviceArea + 2) != usedNext;

    internal override bool TryReadUsed(out uint id, out uint length)
    {
        id = length = 0;
        if (!LooksUsed()) return false;
        ulong at = DeviceArea + 4 + (ulong)(8 * (usedNext % Size));
        id = BitConverter.ToUInt32(Ram.Main(at, 4));
        length = BitConverter.ToUInt32(Ram.Main(at + 4, 4));
        return true;
    }

    // With IN_ORDER the element of a run stands where that of its first chain would, and the index goes on by the whole run.
    internal override void Consume(int chains, int slots) => usedNext += (ushort)chains;

    internal override void Free(ExpectedChain chain)
    {
        busy &= ~slotsOf[chain.Id];
        slotsOf[chain.Id] = 0;
    }

    internal override bool? WantsInterrupt()
    {
        if (!HasEvents) return (Ram.Load16(DriverArea) & 1) == 0;
        return (ushort)(Ram.Load16(UsedEvent) - usedMark) < (ushort)(usedNext - usedMark);
    }

    internal override void MarkUsed() => usedMark = usedNext;

    internal override bool AsksForNotification() => HasEvents
        ? Ram.Load16(DeviceArea + 4 + (ulong)(8 * Size)) == deviceNext
        : (Ram.Load16(DeviceArea) & 1) == 0;

    private protected override void Clear()
    {
        Array.Clear(slotsOf);
        busy = 0;
        posted = deviceNext = usedNext = usedMark = 0;
    }

    private protected override bool TryPlace(ReadOnlySpan<Piece> pieces, ushort flags)
    {
        if (pieces.Length > Size - System.Numerics.BitOperations.PopCount(busy)) return false;
        ulong taken = 0;
        int slot = NextFree(0);
        ushort head = (ushort)slot;
        for (int i = 0; i < pieces.Length; i++)
        {
            busy |= 1UL << slot;
            taken |= 1UL << slot;
            bool isLast = i + 1 == pieces.Length;
            int next = isLast ? 0 : NextFree(slot);
            ushort all = (ushort)(flags | (pieces[i].IsWritable ? Flags.Write : 0) | (isLast ? 0 : Flags.Next));
            WriteSlot(Table + (ulong)(16 * slot), pieces[i], all, (ushort)next);
            slot = next;
        }

        slotsOf[head] = taken;
        Ram.Store16(DriverArea + 4 + (ulong)(2 * (posted % Size)), head);
        posted++;
        return true;
    }

    private protected override void WriteEntry(ulong at, Piece piece, int index, bool isLast) =>
        WriteSlot(at, piece, (ushort)((piece.IsWritable ? Flags.Write : 0) | (isLast ? 0 : Flags.Next)), (ushort)(index + 1));

    private protected override (ushort Flags, int Next) Split(ushort word12, ushort word14, int index, int count) =>
        (word12, (word12 & Flags.Next) != 0 ? word14 : -1);

    private int NextFree(int from)
    {
        while ((busy >> from & 1) != 0) from = (from + 1) % Size;
        return from;
    }

    private bool TryWalk(ExpectedChain chain, int at)
    {
        for (int steps = 0; steps < Size; steps++)
        {
            (Piece piece, ushort flags, ushort next) = ReadSlot(at);
            if ((flags & Flags.Indirect) != 0) return (flags & Flags.Next) == 0 && TryWalkTable(chain, piece.Address, piece.Length);
            if (!TryAdd(chain, piece with { IsWritable = (flags & Flags.Write) != 0 })) return false;
            if ((flags & Flags.Next) == 0) return true;
            if (next >= Size) return false;
            at = next;
        }

        return false;
    }
}
