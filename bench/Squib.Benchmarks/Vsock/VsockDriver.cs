using System.Buffers.Binary;
using Squib.Benchmarks.Ring;
using Squib.Virtio.Devices.Vsock;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Transport;

namespace Squib.Benchmarks.Vsock;

/// <summary>A guest's driver with one connection, as quick as can be: fixed buffers, one descriptor for each.</summary>
internal sealed unsafe class VsockDriver : IGic, IDisposable
{
    private const int Entries = 256;
    private const uint GuestPort = 1000;
    private const uint GuestBufferBytes = 1 << 20;
    private const int Header = 44;
    private const int RingBytes = 0x4000;
    private const int TransmitBuffers = 1 << 20;
    private const int ReceiveBuffers = 8 << 20;

    private readonly RingMemory memory = new();
    private readonly VsockDevice device = new();
    private readonly VirtioMmioTransport transport;
    private readonly ushort[] available = new ushort[2];
    private readonly ushort[] used = new ushort[2];
    private readonly int receiveBytes;
    private readonly int receiveCount;
    private uint hostPort;

    /// <param name="receiveBytes">The payload that a receive buffer has room for.</param>
    internal VsockDriver(int receiveBytes)
    {
        this.receiveBytes = receiveBytes;
        receiveCount = Math.Min(Entries, (7 << 20) / (receiveBytes + Header));
        memory.Clear();
        transport = new(device, memory.Lend(1), new IrqLine(this, new Slot(0).Interrupt), new() { EventIndex = false });
        Start();
        for (int i = 0; i < receiveCount; i++) PostReceive(i);
        Notify(0);
    }

    /// <summary>The bytes that have come from the host, and gone to it.</summary>
    internal ulong FromHost { get; private set; }

    internal ulong ToHost { get; private set; }

    /// <summary>Bytes that the host has consumed, as it says.</summary>
    internal uint Forwarded { get; private set; }

    internal VsockStream Connect()
    {
        const uint Port = 5000;
        using VsockListener listener = device.Listen(Port);
        hostPort = Port;
        Send(operation: 1, payload: 0);
        return listener.AcceptAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Sends a packet and takes what the device has to say to it.</summary>
    internal void Send(int payload)
    {
        Send(operation: 5, payload);
        ToHost += (uint)payload;
    }

    /// <summary>Tells the device how much has been consumed.</summary>
    internal void SendCredit() => Send(operation: 6, payload: 0);

    /// <summary>Takes all packets of the device, lends their buffers again and counts their bytes.</summary>
    internal void Receive()
    {
        byte* ring = memory.Pointer + RingBytes - RingBytes;
        ushort end = Volatile.Read(ref *(ushort*)(ring + 0x2002));
        if (end == used[0]) return;
        while (used[0] != end)
        {
            uint head = *(uint*)(ring + 0x2004 + (8 * (used[0]++ & (Entries - 1))));
            byte* packet = memory.Pointer + ReceiveOffset((int)head);
            Forwarded = *(uint*)(packet + 40);
            FromHost += *(uint*)(packet + 24);
            if (*(ushort*)(packet + 30) == 3) throw new InvalidOperationException("The connection was reset.");
            PostReceive((int)head);
        }

        Notify(0);
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

    private void Send(ushort operation, int payload)
    {
        byte* ring = memory.Pointer + RingBytes;
        int slot = available[1] & 15;
        int offset = TransmitBuffers + (slot * 0x1_1000);
        Span<byte> header = new(memory.Pointer + offset, Header);
        BinaryPrimitives.WriteUInt64LittleEndian(header, VsockCid.FirstGuest);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], VsockCid.Host);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], GuestPort);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], hostPort);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)payload);
        BinaryPrimitives.WriteUInt16LittleEndian(header[28..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(header[30..], operation);
        BinaryPrimitives.WriteUInt32LittleEndian(header[36..], GuestBufferBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], (uint)FromHost);
        SetDescriptor(ring, slot, RingMemory.Start + (ulong)offset, (uint)(Header + payload), 0);
        Publish(1, slot);
        Notify(1);
        used[1]++;
        if (Volatile.Read(ref *(ushort*)(ring + 0x2002)) != used[1]) throw new InvalidOperationException("The packet was not taken.");
    }

    private void PostReceive(int index)
    {
        SetDescriptor(memory.Pointer, index, RingMemory.Start + (ulong)ReceiveOffset(index), (uint)(Header + receiveBytes), 2);
        Publish(0, index);
    }

    private int ReceiveOffset(int index) => ReceiveBuffers + (index * ((receiveBytes + Header + 63) & ~63));

    private static void SetDescriptor(byte* ring, int index, ulong address, uint length, ushort flags)
    {
        byte* descriptor = ring + (16 * index);
        *(ulong*)descriptor = address;
        *(uint*)(descriptor + 8) = length;
        *(uint*)(descriptor + 12) = flags;
    }

    private void Publish(int queue, int head)
    {
        ushort* ring = (ushort*)(memory.Pointer + (queue * RingBytes) + 0x1000);
        ring[2 + (available[queue] & (Entries - 1))] = (ushort)head;
        Volatile.Write(ref ring[1], ++available[queue]);
    }

    private void Notify(int queue)
    {
        Thread.MemoryBarrier();
        if (*(ushort*)(memory.Pointer + (queue * RingBytes) + 0x2000) == 0) Write(MmioRegister.QueueNotify, (uint)queue);
    }

    private void Start()
    {
        Write(MmioRegister.Status, 1);
        Write(MmioRegister.Status, 3);
        Write(MmioRegister.DriverFeaturesSel, 1);
        Write(MmioRegister.DriverFeatures, (uint)(VirtioFeature.Version1 >> 32));
        Write(MmioRegister.Status, 0xb);
        for (uint i = 0; i < 2; i++)
        {
            uint at = (uint)RingMemory.Start + (i * RingBytes);
            Write(MmioRegister.QueueSel, i);
            Write(MmioRegister.QueueNum, Entries);
            Write(MmioRegister.QueueDescLow, at);
            Write(MmioRegister.QueueDriverLow, at + 0x1000);
            Write(MmioRegister.QueueDeviceLow, at + 0x2000);
            Write(MmioRegister.QueueReady, 1);
        }

        Write(MmioRegister.Status, 0xf);
    }

    private void Write(int register, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        transport.Write((ulong)register, bytes);
    }
}
