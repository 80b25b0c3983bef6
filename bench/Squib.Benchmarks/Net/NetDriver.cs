using System.Runtime.CompilerServices;
using Squib.Benchmarks.Ring;

namespace Squib.Benchmarks.Net;

/// <summary>The driver's half: split rings with EVENT_IDX, written with raw pointers; a receive and a transmit queue.</summary>
internal sealed unsafe class NetDriver(RingMemory memory)
{
    internal const int Entries = 256;
    internal const int TransmitRings = 0x8000;

    private const int Mask = Entries - 1;
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const int AvailableOffset = 0x1000;
    private const int UsedOffset = 0x2000;
    private const int SlotBytes = 2048;
    private const int HeaderBytes = 12;

    private readonly byte* ram = memory.Pointer;
    private ushort transmitAvailable;
    private ushort transmitUsed;
    private ushort receiveAvailable;
    private ushort receiveUsed;
    private uint frames;

    internal ulong Sum { get; private set; }

    /// <summary>Makes frames available to the device, each in a descriptor for the header and one for the rest.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Transmit(int count)
    {
        Descriptor* table = (Descriptor*)(ram + TransmitRings);
        ushort* avail = (ushort*)(ram + TransmitRings + AvailableOffset);
        ushort at = transmitAvailable;
        uint n = frames;
        for (int i = 0; i < count; i++, at++, n++)
        {
            uint k = n & (Entries / 2 - 1);
            ulong slot = RingMemory.Buffers + ((ulong)SlotBytes * k);
            *(ulong*)(ram + slot) = 0;
            *(uint*)(ram + slot + 8) = 0;
            *(ulong*)(ram + slot + 64 + 16) = n;
            table[2 * k] = new() { Address = RingMemory.Start + slot, Length = HeaderBytes, Flags = Next, Next = (ushort)((2 * k) + 1) };
            table[(2 * k) + 1] = new() { Address = RingMemory.Start + slot + 64, Length = BenchNetBackend.FrameBytes };
            avail[2 + (at & Mask)] = (ushort)(2 * k);
        }

        frames = n;
        transmitAvailable = at;
        avail[2 + Entries] = transmitUsed;
        Volatile.Write(ref avail[1], at);
    }

    /// <summary>Takes the frames back that the device has sent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal int ReapTransmitted()
    {
        ushort* fields = (ushort*)(ram + TransmitRings + UsedOffset);
        ushort end = Volatile.Read(ref fields[1]);
        int count = (ushort)(end - transmitUsed);
        ulong sum = Sum;
        Element* ring = (Element*)(fields + 2);
        for (ushort at = transmitUsed; at != end; at++) sum += ring[at & Mask].Id + ring[at & Mask].Length;
        Sum = sum;
        transmitUsed = end;
        return count;
    }

    /// <summary>Lends buffers for frames.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Lend(int count)
    {
        Descriptor* table = (Descriptor*)ram;
        ushort* avail = (ushort*)(ram + AvailableOffset);
        ushort at = receiveAvailable;
        for (int i = 0; i < count; i++, at++)
        {
            uint k = (uint)at & Mask;
            ulong slot = RingMemory.Buffers + (1 << 20) + ((ulong)SlotBytes * k);
            table[k] = new() { Address = RingMemory.Start + slot, Length = HeaderBytes + BenchNetBackend.FrameBytes, Flags = Write };
            avail[2 + k] = (ushort)k;
        }

        receiveAvailable = at;
        avail[2 + Entries] = receiveUsed;
        Volatile.Write(ref avail[1], at);
    }

    /// <summary>Takes the frames that the device has put into buffers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal int ReapReceived()
    {
        ushort* fields = (ushort*)(ram + UsedOffset);
        ushort end = Volatile.Read(ref fields[1]);
        int count = (ushort)(end - receiveUsed);
        ulong sum = Sum;
        Element* ring = (Element*)(fields + 2);
        for (ushort at = receiveUsed; at != end; at++)
        {
            Element e = ring[at & Mask];
            sum += e.Length + *(ulong*)(ram + RingMemory.Buffers + (1 << 20) + (SlotBytes * (long)e.Id) + HeaderBytes + 16);
        }

        Sum = sum;
        receiveUsed = end;
        return count;
    }

    private struct Descriptor
    {
        public ulong Address;
        public uint Length;
        public ushort Flags;
        public ushort Next;
    }

    private readonly record struct Element(uint Id, uint Length);
}
