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
        // As the used_event of 0 that the split ring has in all workloads but W5.
        *(uint*)(Ram + 0x1000) = 2u << 16;
    }

    private protected override void Submit<T>(int batch)
    {
        // Locals, not fields: a store through a pointer makes the compiler load fields again.
        Descriptor* table = (Descriptor*)Ram;
        uint n = Chains;
        uint at = slot;
        uint phase = wrap ? Available : Used;
        for (int i = 0; i < batch; i++, n++)
        {
            switch (T.Number)
            {
                case 1: Submit1(table, n, at, phase); break;
                case 2: Submit2(table, n, at, phase); break;
                case 3: Submit3(table, n, at, phase); break;
                case 4: Submit4(table, n, at, phase); break;
                default: Submit5(table, n, at, phase); break;
            }

            at += SlotsOf(T.Number);
            if (at < Entries) continue;
            at -= Entries;
            phase ^= Available | Used;
        }

        slot = at;
        wrap = phase == Available;
        if (T.Number == 5)
        {
            ushort* suppression = (ushort*)(Ram + 0x1000);
            suppression[0] = (ushort)(usedSlot | (usedWrap ? 0x8000u : 0));
            Volatile.Write(ref suppression[1], 2);
        }

        Chains = n;
    }

    private protected override int Complete<T>()
    {
        Descriptor* table = (Descriptor*)Ram;
        ulong sum = Sum;
        int count = 0;
        uint at = usedSlot;
        uint phase = usedWrap ? Available | Used : 0;
        while (count < Entries)
        {
            ulong rest = Volatile.Read(ref table[at].Rest);
            uint flags = (uint)(rest >> 48);
            if ((flags & (Available | Used)) != phase) break;
            uint id = (ushort)(rest >> 32);
            uint length = (flags & Write) != 0 ? (uint)rest : 0;
            sum += id + length;
            if (T.Number == 2) sum += At(BuffersAt + (8192ul * (id / 3)))[16];
            else if (T.Number == 3) sum += At(BuffersAt + (8192ul * id))[16];
            else if (T.Number == 5) sum += *(ulong*)(At(BuffersAt + (2048ul * id)) + 12);
            at += SlotsOf(T.Number);
            if (at >= Entries)
            {
                at -= Entries;
                phase ^= Available | Used;
            }

            count++;
        }

        usedSlot = at;
        usedWrap = phase != 0;
        Sum = sum;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint SlotsOf(int workload) => workload switch { 2 => 3, 4 => 2, _ => 1 };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Submit1(Descriptor* table, uint n, uint at, uint phase) =>
        Fill(table, at, BuffersAt + (64 * (n & 255)), 64, n & 255, phase);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Submit5(Descriptor* table, uint n, uint at, uint phase) =>
        Fill(table, at, BuffersAt + (2048ul * (n & 255)), 1526, n & 255, phase | Write);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit2(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        WriteHeader(b, n);
        Fill(table, Follow(at, 1), b + 4096, 4096, 3 * k, PhaseAt(at + 1, phase) | Next | Write);
        Fill(table, Follow(at, 2), b + 16, 1, 3 * k, PhaseAt(at + 2, phase) | Write);
        Fill(table, at, b, 16, 3 * k, phase | Next);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit3(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 63;
        ulong b = BuffersAt + (8192ul * k);
        Descriptor* t = (Descriptor*)(Ram + 0x4000 + (64 * k));
        Fill(t, 0, b, 16, 0, 0);
        Fill(t, 1, b + 4096, 4096, 0, Write);
        Fill(t, 2, b + 16, 1, 0, Write);
        WriteHeader(b, n);
        Fill(table, at, RingMemory.Start + 0x4000 + (64 * k), 48, k, phase | Indirect);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Submit4(Descriptor* table, uint n, uint at, uint phase)
    {
        uint k = n & 127;
        ulong b = BuffersAt + (2048ul * k);
        WriteFrame(b, n);
        Fill(table, Follow(at, 1), b + 64, 1514, 2 * k, PhaseAt(at + 1, phase));
        Fill(table, at, b, 12, 2 * k, phase | Next);
    }

    private static uint Follow(uint at, uint steps) => at + steps < Entries ? at + steps : at + steps - Entries;

    private static uint PhaseAt(uint at, uint phase) => at < Entries ? phase : phase ^ (Available | Used);

    // One store makes the descriptor available; of a chain the first is written last.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fill(Descriptor* table, uint at, ulong address, uint length, uint id, uint flags)
    {
        table[at].Address = address;
        Volatile.Write(ref table[at].Rest, length | ((ulong)id << 32) | ((ulong)flags << 48));
    }

    private struct Descriptor
    {
        public ulong Address;
        public ulong Rest;
    }
}
