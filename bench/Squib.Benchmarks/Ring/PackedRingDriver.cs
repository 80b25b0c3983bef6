using System.Runtime.CompilerServices;

namespace Squib.Benchmarks.Ring;

/// <summary>The driver of a packed ring with the same chains; a buffer id is the head that the split ring would use.</summary>
internal sealed unsafe class PackedRingDriver(RingMemory memory) : RingDriver(memory)
{
    private const uint Available = 1 << 7;
    private const uint Used = 1 << 15;

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
        // Locals, not fields: a store through a pointer makes the compiler load fields again.
        Descriptor* table = (Descriptor*)Ram;
        uint n = Chains;
        uint at = slot;
        uint phase = wrap ? Available : Used;
        for (int i = 0; i < batch; i++, n++)
        {
            switch (workload)
            {
                case 1: Submit1(table, n, at, phase); break;
                case 2: Submit2(table, n, at, phase); break;
                case 3: Submit3(table, n, at, phase); break;
                case 4: Submit4(table, n, at, phase); break;
                default: Submit5(table, n, at, phase); break;
            }

            at += SlotsOf(workload);
            if (at < Entries) continue;
            at -= Entries;
            phase ^= Available | Used;
        }

        slot = at;
        wrap = phase == Available;
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
        uint slots = SlotsOf(workload);
        uint phase = usedWrap ? Available | Used : 0;
        while (true)
        {
            uint flags = Volatile.Read(ref table[at].Flags);
            if ((flags & (Available | Used)) != phase) break;
            uint id = table[at].Id;
            uint length = (flags & Write) != 0 ? table[at].Length : 0;
            sum += id + length;
            if (workload == 2) sum += At(BuffersAt + (8192ul * (id / 3)))[16];
            else if (workload == 3) sum += At(BuffersAt + (8192ul * id))[16];
            else if (workload == 5) sum += *(ulong*)(At(BuffersAt + (2048ul * id)) + 12);
            at += slots;
            if (at >= Entries)
            {
                at -= Entries;
                phase ^= Available | Used;
            }

            if (++count == batch) break;
        }

        usedSlot = at;
        usedWrap = phase != 0;
        Sum = sum;
        if (count != batch) throw new InvalidOperationException($"{count} of {batch} chains completed.");
    }

    private static uint SlotsOf(int workload) => workload switch { 2 => 3, 4 => 2, _ => 1 };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Submit1(Descriptor* table, uint n, uint at, uint phase) =>
        Publish(Fill(table, at, BuffersAt + (64 * (n & 255)), 64, n & 255), phase);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Submit5(Descriptor* table, uint n, uint at, uint phase) =>
        Publish(Fill(table, at, BuffersAt + (2048ul * (n & 255)), 1526, n & 255), phase | Write);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit2(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        WriteHeader(b, n);
        Descriptor* head = Fill(table, at, b, 16, 3 * k);
        Descriptor* data = Fill(table, Follow(at, 1), b + 4096, 4096, 3 * k);
        data->Flags = (ushort)(PhaseAt(at + 1, phase) | Next | Write);
        Descriptor* status = Fill(table, Follow(at, 2), b + 16, 1, 3 * k);
        status->Flags = (ushort)(PhaseAt(at + 2, phase) | Write);
        Publish(head, phase | Next);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit3(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        Descriptor* t = (Descriptor*)(Ram + 0x4000 + (64 * k));
        t[0] = new() { Address = b, Length = 16 };
        t[1] = new() { Address = b + 4096, Length = 4096, Flags = Write };
        t[2] = new() { Address = b + 16, Length = 1, Flags = Write };
        WriteHeader(b, n);
        Publish(Fill(table, at, RingMemory.Start + 0x4000 + (64 * k), 48, k), phase | Indirect);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit4(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 127;
        ulong b = BuffersAt + (2048ul * k);
        WriteFrame(b, n);
        Descriptor* head = Fill(table, at, b, 12, 2 * k);
        Fill(table, Follow(at, 1), b + 64, 1514, 2 * k)->Flags = (ushort)PhaseAt(at + 1, phase);
        Publish(head, phase | Next);
    }

    private static uint Follow(uint at, uint steps) => at + steps < Entries ? at + steps : at + steps - Entries;

    private static uint PhaseAt(uint at, uint phase) => at < Entries ? phase : phase ^ (Available | Used);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Descriptor* Fill(Descriptor* table, uint at, ulong address, uint length, uint id)
    {
        Descriptor* d = table + at;
        d->Address = address;
        d->Length = length;
        d->Id = (ushort)id;
        return d;
    }

    private static void Publish(Descriptor* head, uint flags) => Volatile.Write(ref head->Flags, (ushort)flags);

    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Id;
        public ushort Flags;
    }
}
