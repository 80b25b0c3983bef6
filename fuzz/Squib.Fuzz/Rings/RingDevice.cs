using Squib.Fuzz.Engine;
using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Fuzz.Rings;

/// <summary>
/// A device that does with chains what a script has planned: fills them wholly or in part, one way or another, at once or later. It
/// notes what it saw, to be compared with what it should have seen.
/// </summary>
internal sealed class RingDevice : IVirtioDevice
{
    /// <summary>How much of what it reads is compared.</summary>
    internal const int ComparedBytes = 128;

    private const int MostFilled = 4096;
    private readonly byte[] plan = new byte[8];
    private readonly List<(Virtqueue Queue, DescriptorChain Chain)> held = [];
    private int planned;

    public DeviceType Type => DeviceType.Entropy;

    public ulong Features => 0;

    public IReadOnlyList<ushort> QueueSizes { get; } = [RingSide.MaxSize];

    public ConfigSpace Config { get; } = new(new byte[8]);

    /// <summary>What was taken since the list was last cleared: id, lengths and a sum of the first bytes to read.</summary>
    internal List<(ushort Id, long ReadBytes, long WriteBytes, uint Sum)> Taken { get; } = [];

    internal int HeldCount => held.Count;

    internal Virtqueue? Queue { get; private set; }

    /// <summary>Begins an execution.</summary>
    internal void Begin(Script script)
    {
        script.Fill(plan);
        planned = 0;
        Taken.Clear();
    }

    /// <summary>Plans to return all at once, filled.</summary>
    internal void BeginPlainly()
    {
        Array.Clear(plan);
        planned = 0;
        Taken.Clear();
    }

    /// <summary>What will be done to the chain that comes after some others.</summary>
    internal Plan PlanFor(int ordinal) => new(plan[(planned + ordinal) % plan.Length]);

    /// <summary>Returns a chain that was held.</summary>
    internal void Return(int at)
    {
        (Virtqueue queue, DescriptorChain chain) = held[at];
        held.RemoveAt(at);
        queue.Return(chain);
    }

    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        Queue = session.Queues[0];
        // What a device holds it gives back when the session ends.
        using CancellationTokenRegistration registration = reset.Register(ReturnAll);
        while (await Queue.WaitAsync().ConfigureAwait(false)) ServeBatch(Queue);
    }

    private void ReturnAll()
    {
        while (held.Count > 0) Return(0);
    }

    private void ServeBatch(Virtqueue queue)
    {
        using QueueBatch batch = queue.BeginBatch(1 + (plan[^1] % MostPerBatch));
        while (batch.TryTake(out DescriptorChain? chain))
        {
            Plan what = PlanFor(0);
            planned++;
            Taken.Add((chain.Id, chain.Readable.Length, chain.Writable.Length, Read(chain, what.Style)));
            uint expected = what.UsedLength(chain.Writable.Length);
            Fill(chain.Writable, what);
            FindingException.ThrowIf(chain.Writable.UsedLength != expected, "A chain counts other bytes than those that were filled.");
            if (what.Holds) held.Add((queue, chain));
            else batch.Return(chain);
        }
    }

    private const int MostPerBatch = 32;

    private static uint Read(DescriptorChain chain, int style)
    {
        ReadableSegments source = chain.Readable;
        int left = (int)Math.Min(ComparedBytes, source.Length);
        uint sum = 0;
        Span<byte> piece = stackalloc byte[16];
        while (left > 0)
        {
            ReadOnlySpan<byte> bytes = style == 0 ? source.First : style == 1 ? source[0].Span : piece[..Math.Min(left, style * 4)];
            if (style > 1) FindingException.ThrowIf(!source.TryRead(piece[..bytes.Length]), "There are fewer bytes than there should be.");
            else bytes = bytes[..Math.Min(left, bytes.Length)];
            foreach (byte value in bytes) sum = (sum * 31) + value;
            if (style <= 1) source.Advance(bytes.Length);
            left -= bytes.Length;
        }

        FindingException.ThrowIf(source.Count == 0 != (source.Length == 0), "Pieces and bytes do not end together.");
        long bytesLeft = 0;
        foreach (ref readonly GuestSegment segment in source.Segments) bytesLeft += segment.Length;
        FindingException.ThrowIf(bytesLeft < source.Length, "The pieces are shorter than the bytes.");
        if (style == 2) source.Advance(source.Length);
        return sum;
    }

    private static void Fill(WritableSegments destination, Plan what)
    {
        long total = destination.Length;
        bool status = what.HasStatus(total);
        if (status) FindingException.ThrowIf(!destination.TryReserveStatus(), "There is no room for a status byte.");
        long left = what.FilledBytes(total);
        Span<byte> piece = stackalloc byte[16];
        piece.Fill(0xa5);
        while (left > 0)
        {
            if (what.Style == 3)
            {
                int count = (int)Math.Min(left, piece.Length - 3);
                FindingException.ThrowIf(!destination.TryWrite(piece[..count]), "There is less room than there should be.");
                left -= count;
                continue;
            }

            Span<byte> room = what.Style == 1 ? destination[0].Span : destination.First;
            if (room.Length > left) room = room[..(int)left];
            room.Fill(0xa5);
            destination.Advance(room.Length);
            left -= room.Length;
        }

        if (status) destination.WriteStatus(0x5a);
    }

    /// <summary>What is done to one chain.</summary>
    internal readonly struct Plan(byte choice)
    {
        internal bool Holds => (choice & 0x0c) == 0x04;

        internal int Style => choice >> 4 & 3;

        internal bool HasStatus(long total) => (choice & 3) == 3 && total > 0;

        internal long FilledBytes(long total)
        {
            long wanted = (choice & 3) switch { 1 => 0, 2 => total / 2, 3 => Math.Max(0, total - 1), _ => total };
            return Math.Min(wanted, MostFilled);
        }

        internal uint UsedLength(long total)
        {
            long filled = FilledBytes(total);
            return (uint)(HasStatus(total) && filled == total - 1 ? total : filled);
        }
    }
}
