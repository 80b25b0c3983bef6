using System.Runtime.CompilerServices;

namespace Squib.Benchmarks.Ring;

/// <summary>The driver of a packed ring with the same chains; a buffer id is the head that the split ring would use.</summary>
internal sealed unsafe class PackedRingDriver(RingMemory memory) : RingDriver(memory)
{
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    private readonly ulong[] buffers = new ulong[Entries];
    private readonly byte[] slots = new byte[Entries];
    private uint slot;
    private uint usedSlot;
    private bool wrap = true;
    private bool usedWrap = true;

    internal override void Reset()
    {
        base.Reset();
        slot = usedSlot = 0;
        wrap = usedWrap = true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal override void Submit(int workload, int batch)
    {
        uint n = Chains;
        for (int i = 0; i < batch; i++, n++)
        {
            ulong b;
            uint k;
            switch (workload)
            {
                case 1:
                    k = n & 255;
                    Single(BuffersAt + (64 * k), 64, k, 0);
                    break;
                case 2:
                    k = n & 63;
                    b = BuffersAt + (8192ul * k);
                    WriteHeader(b, n);
                    Three(b, 3 * k);
                    break;
                case 3:
                    k = n & 63;
                    b = BuffersAt + (8192ul * k);
                    Descriptor* t = (Descriptor*)(Ram + 0x4000 + (64 * k));
                    t[0] = new() { Address = b, Length = 16 };
                    t[1] = new() { Address = b + 4096, Length = 4096, Flags = Write };
                    t[2] = new() { Address = b + 16, Length = 1, Flags = Write };
                    WriteHeader(b, n);
                    Single(RingMemory.Start + 0x4000 + (64 * k), 48, k, Indirect);
                    buffers[k] = b;
                    break;
                case 4:
                    k = n & 127;
                    b = BuffersAt + (2048ul * k);
                    WriteFrame(b, n);
                    Two(b, 2 * k);
                    break;
                default:
                    k = n & 255;
                    Single(BuffersAt + (2048ul * k), 1526, k, Write);
                    break;
            }
        }

        if (workload == 5)
        {
            ushort* suppression = (ushort*)(Ram + 0x1000);
            suppression[0] = (ushort)(usedSlot | (usedWrap ? 0x8000u : 0));
            Volatile.Write(ref suppression[1], 2);
        }

        Chains = n;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal override void Complete(int workload, int batch)
    {
        Descriptor* table = (Descriptor*)Ram;
        ulong sum = Sum;
        int count = 0;
        uint at = usedSlot;
        bool phase = usedWrap;
        while (true)
        {
            ushort flags = Volatile.Read(ref table[at].Flags);
            if (((flags & Available) != 0) != phase || ((flags & Used) != 0) != phase) break;
            uint id = table[at].Id;
            uint length = (flags & Write) != 0 ? table[at].Length : 0;
            sum += id + length;
            if (workload is 2 or 3) sum += At(buffers[id])[16];
            else if (workload == 5) sum += *(ulong*)(At(buffers[id]) + 12);
            at += slots[id];
            if (at >= Entries)
            {
                at -= Entries;
                phase = !phase;
            }

            if (++count == batch) break;
        }

        usedSlot = at;
        usedWrap = phase;
        Sum = sum;
        if (count != batch) throw new InvalidOperationException($"{count} of {batch} chains completed.");
    }

    private void Single(ulong address, uint length, uint id, ushort flags)
    {
        buffers[id] = address;
        slots[id] = 1;
        Volatile.Write(ref Fill(address, length, id)->Flags, Phase(flags));
        Advance();
    }

    private void Two(ulong b, uint id)
    {
        slots[id] = 2;
        Descriptor* head = Fill(b, 12, id);
        ushort flags = Phase(Next);
        Advance();
        Fill(b + 64, 1514, id)->Flags = Phase(0);
        Advance();
        Volatile.Write(ref head->Flags, flags);
    }

    private void Three(ulong b, uint id)
    {
        buffers[id] = b;
        slots[id] = 3;
        Descriptor* head = Fill(b, 16, id);
        ushort flags = Phase(Next);
        Advance();
        Fill(b + 4096, 4096, id)->Flags = Phase(Next | Write);
        Advance();
        Fill(b + 16, 1, id)->Flags = Phase(Write);
        Advance();
        Volatile.Write(ref head->Flags, flags);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Descriptor* Fill(ulong address, uint length, uint id)
    {
        Descriptor* d = (Descriptor*)Ram + slot;
        d->Address = address;
        d->Length = length;
        d->Id = (ushort)id;
        return d;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ushort Phase(int flags) => (ushort)(flags | (wrap ? Available : Used));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Advance()
    {
        if (++slot < Entries) return;
        slot = 0;
        wrap = !wrap;
    }

    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Id;
        public ushort Flags;
    }
}
