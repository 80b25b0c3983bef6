namespace Squib.Fuzz.Rings;

/// <summary>The packed ring (virtio 1.2, 2.8).</summary>
internal sealed class PackedSide(GuestRam ram) : RingSide(ram)
{
    private readonly List<(ulong At, ushort Flags)> heads = [];
    private int posted;
    private int taken;
    private int used;
    private int usedMark;
    private ushort nextId;

    // Positions count slots from the start of time; the lap decides on the wrap counter, which starts as 1.
    internal override ushort Position => At(posted);

    internal override void Publish()
    {
        foreach ((ulong at, ushort flags) in heads) Ram.Store16(at + 14, flags);
        heads.Clear();
    }

    internal override bool IsNews(ushort position) => position != At(taken);

    internal override void Take(int lent, Func<ushort, bool?> isInFlight, Func<ExpectedChain, bool> serve)
    {
        int mostLent = lent;
        while (!IsBroken && !IsUncertain)
        {
            if (!IsAvailable(taken)) return;
            // A slot that is available one lap too early is written over while it is read.
            IsUncertain |= taken >= used + Size;
            if (IsUncertain) return;
            bool? full = Reaches(1, lent, mostLent);
            ExpectedChain chain = new();
            bool? ends = full == false ? TryWalk(chain, lent, mostLent) : null;
            IsBroken |= full == true || ends == false;
            IsUncertain |= !IsBroken && (full is null || ends is null);
            if (IsBroken || IsUncertain) return;
            bool? again = isInFlight(chain.Id);
            IsBroken |= again == true;
            IsUncertain |= again is null;
            if (IsBroken || IsUncertain) return;
            taken += chain.Slots;
            bool returned = serve(chain);
            if (!returned) lent += chain.Slots;
            // With IN_ORDER the slots are free again when the batch ends, and where that is the device decides.
            if (!returned || InOrder) mostLent += chain.Slots;
        }
    }

    internal override bool TryReadUsed(out uint id, out uint length)
    {
        (Piece piece, ushort name, ushort flags) = ReadSlot(used % Size);
        id = name;
        length = (flags & Flags.Write) != 0 ? piece.Length : 0;
        return IsUsed(used);
    }

    internal override bool LooksUsed()
    {
        for (int at = used; at < used + Size; at++)
        {
            if (IsUsed(at)) return true;
        }

        return false;
    }

    internal override void Consume(int chains, int slots) => used += slots;

    internal override void Free(ExpectedChain chain)
    {
        // Chains that were written into the ring by hand moved the device further than the driver knows.
        if (posted < taken && heads.Count == 0) posted = taken;
    }

    internal override bool? WantsInterrupt()
    {
        ushort position = Ram.Load16(DriverArea);
        int mode = Ram.Load16(DriverArea + 2) & 3;
        if (mode != 2 || !HasEvents) return mode != 1;
        if ((position & 0x7fff) >= Size) return null;
        for (int at = usedMark; at < used; at++)
        {
            if (At(at) == position) return true;
        }

        return false;
    }

    internal override void MarkUsed() => usedMark = used;

    internal override bool AsksForNotification()
    {
        ushort mode = Ram.Load16(DeviceArea + 2);
        return HasEvents ? mode == 2 && Ram.Load16(DeviceArea) == At(taken) : mode == 0;
    }

    private protected override void Clear()
    {
        heads.Clear();
        posted = taken = used = usedMark = 0;
        nextId = 0;
    }

    private protected override bool TryPlace(ReadOnlySpan<Piece> pieces, ushort flags)
    {
        if (pieces.Length > Size - (Math.Max(posted, taken) - used)) return false;
        ushort id = nextId++;
        for (int i = 0; i < pieces.Length; i++, posted++)
        {
            ulong at = Table + (ulong)(16 * (posted % Size));
            ushort old = Ram.Load16(at + 14);
            ushort all = (ushort)(flags | (pieces[i].IsWritable ? Flags.Write : 0) | (i + 1 == pieces.Length ? 0 : Flags.Next)
                | (Wrap(posted) ? Flags.Available : Flags.Used));
            WriteSlot(at, pieces[i], id, i == 0 ? old : all);
            if (i == 0) heads.Add((at, all));
        }

        return true;
    }

    private protected override void WriteEntry(ulong at, Piece piece, int index, bool isLast) =>
        WriteSlot(at, piece, 0, piece.IsWritable ? Flags.Write : (ushort)0);

    // Entries follow each other.
    private protected override (ushort Flags, int Next) Split(ushort word12, ushort word14, int index, int count) =>
        (word14, index + 1 < count ? index + 1 : -1);

    private bool Wrap(int position) => position / Size % 2 == 0;

    private ushort At(int position) => (ushort)(position % Size | (Wrap(position) ? 0x8000 : 0));

    private bool IsUsed(int position)
    {
        ushort flags = Ram.Load16(Table + (ulong)(16 * (position % Size)) + 14);
        bool wrap = Wrap(position);
        return (flags & Flags.Available) != 0 == wrap && (flags & Flags.Used) != 0 == wrap;
    }

    private bool IsAvailable(int position)
    {
        ushort flags = ReadSlot(position % Size).Word14;
        bool wrap = Wrap(position);
        return (flags & Flags.Available) != 0 == wrap && (flags & Flags.Used) != 0 != wrap;
    }

    /// <summary>Whether a chain of some slots is longer than the ring has left; null: perhaps.</summary>
    private bool? Reaches(int slots, int lent, int mostLent) => slots > Size - lent ? true : slots > Size - mostLent ? null : false;

    /// <summary>Reads a chain.</summary>
    /// <returns>Whether its end is known; null: perhaps.</returns>
    private bool? TryWalk(ExpectedChain chain, int lent, int mostLent)
    {
        (Piece piece, ushort id, ushort flags) = ReadSlot(taken % Size);
        if ((flags & (Flags.Next | Flags.Indirect)) == Flags.Indirect)
        {
            chain.Id = id;
            chain.IsMalformed = !TryWalkTable(chain, piece.Address, piece.Length) || !HasGoodLength(chain);
            return true;
        }

        for (int slots = 1; ; slots++)
        {
            // After the first fault only the end matters.
            if (!chain.IsMalformed)
            {
                chain.IsMalformed = (flags & Flags.Indirect) != 0
                    || !TryAdd(chain, piece with { IsWritable = (flags & Flags.Write) != 0 });
            }

            chain.Id = id;
            chain.Slots = slots;
            if ((flags & Flags.Next) == 0) break;
            if (Reaches(slots + 1, lent, mostLent) is not false and var reaches) return reaches is null ? null : false;
            if (taken + slots >= used + Size) return null;
            if (!IsAvailable(taken + slots)) return false;
            (piece, id, flags) = ReadSlot((taken + slots) % Size);
        }

        chain.IsMalformed |= !HasGoodLength(chain);
        return true;
    }
}
