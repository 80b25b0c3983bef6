using System.Buffers.Binary;
using Squib.Virtio.Devices.Block;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>The driver's side of a disk.</summary>
internal sealed class BlockGuest
{
    internal const uint In = 0;
    internal const uint Out = 1;
    internal const uint Flush = 4;
    internal const uint GetId = 8;
    internal const uint Discard = 11;
    internal const uint WriteZeroes = 13;
    internal const uint SecureErase = 14;

    internal const byte Ok = 0;
    internal const byte IoError = 1;
    internal const byte Unsupported = 2;

    internal BlockGuest(
        IBlockBackend backend,
        BlockOptions? options = null,
        TransportOptions? transport = null,
        ulong wanted = ulong.MaxValue,
        GuestMemory? memory = null,
        bool start = true)
    {
        Device = new(backend, options);
        (Driver, Transport, Gic) = GuestDriver.Attach(Device, transport, memory);
        if (start) Driver.Start(wanted);
    }

    internal BlockDevice Device { get; }

    internal GuestDriver Driver { get; }

    internal VirtioMmioTransport Transport { get; }

    internal RecordingGic Gic { get; }

    internal DriverQueue Queue => Driver.Queues[0];

    internal static byte[] Pattern(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    internal static byte[] Header(uint type, ulong sector, uint reserved = 0)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, type);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), reserved);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), sector);
        return bytes;
    }

    internal static byte[] Range(ulong sector, uint count, uint flags = 0)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, sector);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), count);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), flags);
        return bytes;
    }

    /// <summary>Does a request: header, then the elements, then one status byte.</summary>
    internal BlockAnswer Do(uint type, ulong sector, byte[][]? readable = null, int[]? writable = null)
    {
        Submit(type, sector, readable, writable);
        return Reap();
    }

    internal ushort Submit(uint type, ulong sector, byte[][]? readable = null, int[]? writable = null, int queue = 0) =>
        Driver.Queues[queue].Submit([Header(type, sector), .. readable ?? []], [.. writable ?? [], 1]);

    internal BlockAnswer Read(ulong sector, int bytes) => Do(In, sector, writable: [bytes]);

    internal BlockAnswer Write(ulong sector, byte[] bytes) => Do(Out, sector, [bytes]);

    /// <summary>Takes the only used buffer.</summary>
    internal BlockAnswer Reap(int queue = 0)
    {
        List<UsedBuffer> used = Driver.Queues[queue].Reap();
        return Answer(Assert.Single(used));
    }

    internal List<BlockAnswer> ReapAll(int queue = 0) => [.. Driver.Queues[queue].Reap().Select(Answer)];

    /// <summary>Reads what lies in guest memory, whatever length the device has said.</summary>
    internal BlockAnswer Answer(UsedBuffer used)
    {
        byte[] all = [.. used.Segments.Where(s => s.IsWritable).SelectMany(Bytes)];
        return new(used.Id, used.Length, all.Length == 0 ? (byte)0xff : all[^1], all.Length == 0 ? [] : all[..^1]);
    }

    internal uint ReadConfig32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(Driver.ReadConfig(offset, 4));

    internal ulong ReadCapacity() => BinaryPrimitives.ReadUInt64LittleEndian(Driver.ReadConfig(0, 8));

    /// <summary>Shows that the device still serves.</summary>
    internal void AssertHealthy()
    {
        BlockAnswer answer = Read(0, 512);
        Assert.Equal(Ok, answer.Status);
        Assert.Equal(513u, answer.Length);
        Assert.False(Driver.Status.HasFlag(DeviceStatus.NeedsReset));
    }

    private byte[] Bytes(DriverSegment segment)
    {
        byte[] bytes = new byte[segment.Length];
        Driver.Memory.TryRead(segment.Address, bytes);
        return bytes;
    }
}
