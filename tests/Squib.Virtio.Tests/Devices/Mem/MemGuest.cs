using System.Buffers.Binary;
using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Mem;

/// <summary>
/// The driver's side of a memory device: a region of 1 GiB at 0x1_0000_0000 in blocks of 2 MiB, of which 256 MiB are requested.
/// </summary>
internal sealed class MemGuest
{
    internal const ulong Start = 0x1_0000_0000;
    internal const long BlockBytes = 2 << 20;
    internal const long Region = 1 << 30;
    internal const long Requested = 256 << 20;

    internal const ushort Plug = 0;
    internal const ushort Unplug = 1;
    internal const ushort UnplugAll = 2;
    internal const ushort State = 3;

    internal const int Ack = 0;
    internal const int Nack = 1;
    internal const int Busy = 2;
    internal const int Error = 3;

    internal MemGuest(MemOptions? options = null, ulong wanted = ulong.MaxValue, TransportOptions? transport = null)
    {
        Device = new(Backend, options ?? Options);
        (Driver, Transport, _) = GuestDriver.Attach(Device, transport);
        Driver.Start(wanted);
    }

    internal static MemOptions Options => new() { Address = Start, RegionBytes = Region, RequestedBytes = Requested };

    internal SpyMemBackend Backend { get; } = new(BlockBytes);

    internal MemDevice Device { get; }

    internal GuestDriver Driver { get; }

    internal VirtioMmioTransport Transport { get; }

    internal DriverQueue Queue => Driver.Queues[0];

    internal static ulong At(long block) => Start + (ulong)(block * BlockBytes);

    internal static byte[] Request(ushort type, ulong address = 0, int blocks = 0, byte padding = 0)
    {
        byte[] bytes = new byte[24];
        bytes.AsSpan().Fill(padding);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, type);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), address);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(16), (ushort)blocks);
        return bytes;
    }

    /// <summary>Does a request and checks that all of the answer is written.</summary>
    /// <returns>The type of the answer.</returns>
    internal int Do(ushort type, ulong address = 0, int blocks = 0, byte padding = 0) =>
        Do(Request(type, address, blocks, padding)).Type;

    internal (int Type, int State) Do(byte[] request)
    {
        Queue.Submit([request], [10]);
        UsedBuffer used = Assert.Single(Queue.Reap());
        Assert.Equal(10u, used.Length);
        Assert.Equal(new byte[6], used.Written[2..8]);
        return (BinaryPrimitives.ReadUInt16LittleEndian(used.Written), BinaryPrimitives.ReadUInt16LittleEndian(used.Written.AsSpan(8)));
    }

    /// <summary>Asks for the state of blocks, which must be answered.</summary>
    internal MemBlockState StateOf(long block, int count)
    {
        (int type, int state) = Do(Request(State, At(block), count));
        Assert.Equal(Ack, type);
        return (MemBlockState)state;
    }

    internal long ReadConfig(int offset) => BinaryPrimitives.ReadInt64LittleEndian(Driver.ReadConfig(offset, 8));

    /// <summary>Checks that the device, its configuration space and the host agree on what is plugged.</summary>
    internal void AssertPlugged(params IEnumerable<long> blocks)
    {
        long[] all = [.. blocks];
        Assert.Equal(all, Backend.Mapped.Order());
        Assert.Equal(all.Length * BlockBytes, Device.PluggedBytes);
        Assert.Equal(all.Length * BlockBytes, ReadConfig(40));
        for (long block = 0; block < 256; block++)
            Assert.Equal(all.Contains(block) ? MemBlockState.Plugged : MemBlockState.Unplugged, Device.StateOf(block * BlockBytes, BlockBytes));
    }

    internal static IEnumerable<long> Run(long first, int count) => Enumerable.Range(0, count).Select(i => first + i);
}
