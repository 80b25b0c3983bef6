using System.Runtime.InteropServices;

namespace Squib.Fuzz.Rings;

/// <summary>
/// The driver's side of a ring without its manners, and a model of what a device must make of what stands in memory. It is written
/// after the specification alone, slowly and plainly.
/// </summary>
internal abstract class RingSide(GuestRam ram)
{
    internal const int MaxSize = 64;
    internal const ulong Table = GuestRam.Start;
    internal const ulong DriverArea = GuestRam.Start + 0x400;
    internal const ulong DeviceArea = GuestRam.Start + 0x500;
    internal const ulong Tables = GuestRam.Start + 0x800;
    internal const ulong TablesEnd = GuestRam.Start + 0x1000;

    /// <summary>Linux makes indirect tables of up to this many entries, whatever the size of the queue.</summary>
    private const int MostIndirect = 1024;

    private ulong nextTable = Tables;

    internal int Size { get; private set; }

    /// <summary>Whether the model has found a ring that cannot be trusted.</summary>
    internal bool IsBroken { get; private protected set; }

    /// <summary>Whether what the device does depends on how it cuts its work, so that the model does not know any more.</summary>
    internal bool IsUncertain { get; private protected set; }

    internal bool HasIndirect { get; private set; }

    internal bool HasEvents { get; private set; }

    internal bool InOrder { get; private set; }

    /// <summary>How far the driver is, as NOTIFICATION_DATA says it.</summary>
    internal abstract ushort Position { get; }

    private protected GuestRam Ram => ram;

    /// <summary>Begins with an empty ring.</summary>
    internal void Begin(int size, bool hasIndirect, bool hasEvents, bool inOrder)
    {
        Size = size;
        HasIndirect = hasIndirect;
        HasEvents = hasEvents;
        InOrder = inOrder;
        IsBroken = IsUncertain = HasTableAtEnd = false;
        nextTable = Tables;
        ram.Main(Table, 0x800).Clear();
        Clear();
    }

    /// <summary>Whether a table lies across the end of the first region, where buffers may lie, too.</summary>
    internal bool HasTableAtEnd { get; private set; }

    /// <summary>Puts a chain into the ring if there is room.</summary>
    internal bool TryPost(ReadOnlySpan<Piece> pieces) => TryPlace(pieces, 0);

    /// <summary>Puts a table with a chain into the ring if there is room.</summary>
    /// <param name="pieces">What stands in the table.</param>
    /// <param name="oddity">What is wrong with the table, or where it lies; none for most numbers.</param>
    /// <param name="number">A number that an oddity needs.</param>
    internal bool TryPostTable(ReadOnlySpan<Piece> pieces, int oddity, ulong number)
    {
        uint bytes = (uint)(16 * pieces.Length);
        if (nextTable + bytes > TablesEnd) nextTable = Tables;
        ulong table = nextTable;
        if (oddity == 1)
        {
            table = ram.Next - 24;
            HasTableAtEnd = true;
        }
        else
        {
            nextTable += bytes;
        }

        for (int i = 0; i < pieces.Length; i++) WriteEntry(table + (ulong)(16 * i), pieces[i], i, i + 1 == pieces.Length);
        (ulong Address, uint Length) told = oddity switch
        {
            2 => (table, bytes - 1),
            3 => (table, (uint)number),
            4 => (number, bytes),
            5 => (ram.End - 16, bytes + 16),
            _ => (table, bytes),
        };
        Span<Piece> refers = [new(told.Address, told.Length, IsWritable: (number & 1) != 0)];
        return TryPlace(refers, Flags.Indirect);
    }

    /// <summary>Lets the device see what was posted.</summary>
    internal abstract void Publish();

    /// <summary>Whether a notification with a position makes the device look.</summary>
    internal abstract bool IsNews(ushort position);

    /// <summary>What the device must take now, in order.</summary>
    /// <param name="lent">The slots of the chains that the device has.</param>
    /// <param name="isInFlight">Whether a chain with an id is with the device; null: perhaps.</param>
    /// <param name="serve">Told of each chain; answers whether the device returns it at once.</param>
    internal abstract void Take(int lent, Func<ushort, bool?> isInFlight, Func<ExpectedChain, bool> serve);

    /// <summary>Reads the next used element; it stays until <see cref="Consume"/>.</summary>
    internal abstract bool TryReadUsed(out uint id, out uint length);

    /// <summary>Whether something that the driver wrote itself looks as if the device had used it.</summary>
    internal abstract bool LooksUsed();

    /// <summary>Goes past a used element.</summary>
    /// <param name="chains">The number of chains that it reports.</param>
    /// <param name="slots">The number of slots that these had.</param>
    internal abstract void Consume(int chains, int slots);

    /// <summary>Gives the descriptors of a chain free.</summary>
    internal abstract void Free(ExpectedChain chain);

    /// <summary>Whether the driver wants an interrupt for what was consumed since <see cref="MarkUsed"/>; null: not to be told.</summary>
    internal abstract bool? WantsInterrupt();

    /// <summary>Remembers where the driver is in the used ring.</summary>
    internal abstract void MarkUsed();

    /// <summary>Whether the device tells a driver to notify it for the next chain.</summary>
    internal abstract bool AsksForNotification();

    private protected abstract void Clear();

    private protected abstract bool TryPlace(ReadOnlySpan<Piece> pieces, ushort flags);

    private protected abstract void WriteEntry(ulong at, Piece piece, int index, bool isLast);

    /// <summary>The flags of an entry, and with what it goes on in a table.</summary>
    private protected abstract (ushort Flags, int Next) Split(ushort word12, ushort word14, int index, int count);

    /// <summary>Appends a buffer to a chain.</summary>
    /// <returns>Whether it is allowed there.</returns>
    private protected bool TryAdd(ExpectedChain chain, Piece piece)
    {
        bool afterWritable = chain.Pieces.Count > 0 && chain.Pieces[^1].IsWritable;
        if (afterWritable && !piece.IsWritable) return false;
        chain.Pieces.Add(piece);
        return ram.Holds(piece.Address, piece.Length, piece.IsWritable);
    }

    private protected static bool HasGoodLength(ExpectedChain chain)
    {
        ulong sum = 0;
        foreach (Piece piece in chain.Pieces) sum += piece.Length;
        return sum is > 0 and <= uint.MaxValue;
    }

    private protected bool TryWalkTable(ExpectedChain chain, ulong table, uint bytes)
    {
        uint count = bytes / 16;
        if (!HasIndirect || bytes == 0 || bytes % 16 != 0 || count > Math.Max(Size, MostIndirect)) return false;
        if (!ram.Holds(table, bytes, writable: false)) return false;
        bool isAtEnd = HasTableAtEnd && table == ram.Next - 24;
        // A table in the ring or among buffers changes while it is read.
        IsUncertain |= table < ram.End && (table < Tables || table + bytes > TablesEnd) && !isAtEnd;
        int at = 0;
        Span<byte> entry = stackalloc byte[16];
        for (int steps = 0; steps < count; steps++)
        {
            ram.Memory.TryRead(table + (ulong)(16 * at), entry);
            (Piece piece, ushort word12, ushort word14) = Read(entry);
            (ushort flags, int next) = Split(word12, word14, at, (int)count);
            if ((flags & Flags.Indirect) != 0) return false;
            if (!TryAdd(chain, piece with { IsWritable = (flags & Flags.Write) != 0 })) return false;
            if (next < 0) return true;
            if (next >= count) return false;
            at = next;
        }

        return false;
    }

    private protected (Piece Piece, ushort Word12, ushort Word14) ReadSlot(int slot) => Read(ram.Main(Table + (ulong)(16 * slot), 16));

    private protected void WriteSlot(ulong at, Piece piece, ushort word12, ushort word14)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, piece.Address);
        MemoryMarshal.Write(bytes[8..], piece.Length);
        MemoryMarshal.Write(bytes[12..], word12);
        MemoryMarshal.Write(bytes[14..], word14);
        ram.Write(at, bytes);
    }

    private static (Piece Piece, ushort Word12, ushort Word14) Read(ReadOnlySpan<byte> bytes) => (
        new(MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<uint>(bytes[8..]), IsWritable: false),
        MemoryMarshal.Read<ushort>(bytes[12..]),
        MemoryMarshal.Read<ushort>(bytes[14..]));

    /// <summary>The flags of descriptors (2.7.5, 2.8.1).</summary>
    internal static class Flags
    {
        internal const ushort Next = 1;
        internal const ushort Write = 2;
        internal const ushort Indirect = 4;
        internal const ushort Available = 1 << 7;
        internal const ushort Used = 1 << 15;
    }
}
