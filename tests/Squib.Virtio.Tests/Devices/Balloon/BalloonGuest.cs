using System.Buffers.Binary;
using Squib.Virtio.Devices.Balloon;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Devices.Balloon;

/// <summary>The driver's side of a balloon in a guest with 16 MiB of memory at 0x8000_0000.</summary>
internal sealed class BalloonGuest
{
    internal const ulong Start = 0x8000_0000;
    internal const int Bytes = 16 << 20;
    internal const uint FirstPage = (uint)(Start / 4096);

    // The driver's own rings and buffers are below this page.
    internal const uint FreePage = FirstPage + 1024;

    internal BalloonGuest(
        BalloonOptions? options = null,
        ulong wanted = ulong.MaxValue,
        TransportOptions? transport = null,
        int pageBytes = 4096,
        bool start = true)
    {
        Owner = new(Ram, pageBytes);
        Device = new([new(Start, Owner)], options);
        GuestMemory memory = new(new GuestRegion(Start, Ram), new GuestRegion(0x8200_0000, Other));
        (Driver, Transport, _) = GuestDriver.Attach(Device, transport, memory);
        Ram.AsSpan((int)(FreePage - FirstPage) * 4096).Fill(0xaa);
        if (start) Driver.Start(wanted);
    }

    internal byte[] Ram { get; } = new byte[Bytes];

    /// <summary>Memory of the guest that nobody takes back.</summary>
    internal byte[] Other { get; } = new byte[1 << 20];

    internal SpyReclaimer Owner { get; }

    internal BalloonDevice Device { get; }

    internal GuestDriver Driver { get; }

    internal VirtioMmioTransport Transport { get; }

    internal DriverQueue Inflate => Driver.Queues[0];

    internal DriverQueue Deflate => Driver.Queues[1];

    internal DriverQueue Statistics => Driver.Queues[2];

    internal DriverQueue Hints => Driver.Queues[3];

    internal DriverQueue Reports => Driver.Queues[4];

    internal static byte[] Pages(params IEnumerable<uint> numbers)
    {
        uint[] all = [.. numbers];
        byte[] bytes = new byte[all.Length * 4];
        for (int i = 0; i < all.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 * i), all[i]);
        return bytes;
    }

    internal static IEnumerable<uint> Run(uint first, int count) => Enumerable.Range(0, count).Select(i => first + (uint)i);

    internal static DriverSegment Writable(uint page, uint count) => new((ulong)page * 4096, count * 4096, IsWritable: true);

    /// <summary>Sends one buffer and expects it back with length 0.</summary>
    internal static void Do(DriverQueue queue, params byte[][] elements)
    {
        queue.Submit(elements);
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
    }

    internal static void Do(DriverQueue queue, params ReadOnlySpan<DriverSegment> segments)
    {
        queue.Add(segments);
        queue.Kick();
        Assert.Equal(0u, Assert.Single(queue.Reap()).Length);
    }

    internal uint ReadConfig(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(Driver.ReadConfig(offset, 4));

    internal byte FirstByteOf(uint page) => Ram[(int)(page - FirstPage) * 4096];
}
