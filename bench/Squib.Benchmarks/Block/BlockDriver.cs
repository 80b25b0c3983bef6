using System.Buffers.Binary;
using Squib.Benchmarks.Ring;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Block;

/// <summary>A driver that reads 4 KiB blocks through indirect descriptors, as Linux does, with raw pointers.</summary>
internal sealed unsafe class BlockDriver : IGic, IDisposable
{
    private const ulong Base = RingMemory.Start;
    private readonly RingMemory memory = new();
    private readonly VirtioMmioTransport transport;
    private ushort available;
    private ushort used;
    private uint requests;

    internal BlockDriver(BlockDevice device, DeviceScheduling scheduling)
    {
        memory.Clear();
        transport = new(
            device, memory.Lend(1), new IrqLine(this, new Slot(0).Interrupt), new() { Scheduling = scheduling });
        ulong features = VirtioFeature.Version1 | VirtioFeature.EventIndex | VirtioFeature.IndirectDescriptors;
        Write(MmioRegister.Status, 1);
        Write(MmioRegister.Status, 3);
        Write(MmioRegister.DriverFeatures, (uint)features);
        Write(MmioRegister.DriverFeaturesSel, 1);
        Write(MmioRegister.DriverFeatures, (uint)(features >> 32));
        Write(MmioRegister.Status, 0xb);
        Write(MmioRegister.QueueNum, 256);
        Write(MmioRegister.QueueDescLow, (uint)Base);
        Write(MmioRegister.QueueDriverLow, (uint)Base + 0x1000);
        Write(MmioRegister.QueueDeviceLow, (uint)Base + 0x2000);
        Write(MmioRegister.QueueReady, 1);
        Write(MmioRegister.Status, 0xf);
    }

    public void PulseSpi(IntId id)
    {
    }

    public void SetSpiLevel(IntId id, bool asserted)
    {
    }

    public void Dispose()
    {
        Write(MmioRegister.Status, 0);
        ((IDisposable)memory).Dispose();
    }

    internal void RoundTrip(int batch)
    {
        byte* ram = memory.Pointer;
        ushort* avail = (ushort*)(ram + 0x1000);
        ushort* usedFields = (ushort*)(ram + 0x2000);
        for (int i = 0; i < batch; i++, requests++)
        {
            uint k = requests & 63;
            ulong buffer = Base + RingMemory.Buffers + (8192ul * k);
            byte* table = ram + 0x4000 + (64 * k);
            Descriptor(table, buffer, 16, 1, 1);
            Descriptor(table + 16, buffer + 4096, 4096, 3, 2);
            Descriptor(table + 32, buffer + 16, 1, 2, 0);
            Descriptor(ram + (16 * k), Base + 0x4000 + (64 * k), 48, 4, 0);
            byte* header = ram + (buffer - Base);
            *(ulong*)header = 0;
            *(ulong*)(header + 8) = (requests & 1023) * 8;
            avail[2 + (available & 255)] = (ushort)k;
            available++;
        }

        Volatile.Write(ref avail[1], available);
        Thread.MemoryBarrier();
        Write(MmioRegister.QueueNotify, 0);
        ushort end = (ushort)(used + batch);
        SpinWait wait = default;
        while (Volatile.Read(ref usedFields[1]) != end) wait.SpinOnce(-1);
        for (; used != end; used++)
        {
            uint id = *(uint*)(ram + 0x2004 + (8 * (used & 255)));
            if (ram[RingMemory.Buffers + (8192 * id) + 16] != 0) throw new IOException("A read failed.");
        }

        avail[2 + 256] = used;
        Write(MmioRegister.InterruptAck, 1);
    }

    private static void Descriptor(byte* at, ulong address, uint length, ushort flags, ushort next)
    {
        *(ulong*)at = address;
        *(uint*)(at + 8) = length;
        *(ushort*)(at + 12) = flags;
        *(ushort*)(at + 14) = next;
    }

    private void Write(int register, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        transport.Write((ulong)register, bytes);
    }
}
