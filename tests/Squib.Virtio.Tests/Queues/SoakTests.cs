using System.Globalization;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// Chains of random shape in random batches, checked byte for byte. Every run takes another seed and prints it;
/// SQUIB_SEED sets it,
/// SQUIB_LONG=1 makes it ten million chains.
/// </summary>
public sealed class SoakTests(ITestOutputHelper output)
{
    private const int Pattern = 1 << 16;

    private static readonly byte[] Bytes = MakePattern();

    public static TheoryData<bool, int> Rings => new()
    {
        { false, 1 }, { false, 2 }, { false, 64 }, { false, 256 }, { false, 32768 },
        { true, 1 }, { true, 2 }, { true, 7 }, { true, 64 }, { true, 256 }, { true, 32768 },
    };

    [Theory, MemberData(nameof(Rings))]
    [Trait("Case", "Q11"), Trait("Case", "P01"), Trait("Row", "SPLIT-06")]
    public void Chains_of_any_shape_come_back_byte_for_byte(bool packed, int size)
    {
        string? given = Environment.GetEnvironmentVariable("SQUIB_SEED");
        int seed = given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
        output.WriteLine($"SQUIB_SEED={seed}");
        int chains = LongRun.Rounds(18_200, 910_000);
        Random random = new(seed);
        for (int done = 0; done < chains;)
        {
            // Another life of the device with other features every so often.
            int part = Math.Min(chains - done, LongRun.Rounds(6_100, 230_000));
            try
            {
                Soak(packed, size, part, random);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"SQUIB_SEED={seed}", e);
            }

            done += part;
        }
    }

    private static void Soak(bool packed, int size, int chains, Random random)
    {
        TransportOptions options = new()
        {
            RingPacked = packed,
            EventIndex = random.Next(2) == 0,
            InOrder = random.Next(3) == 0,
            NotificationData = random.Next(2) == 0,
        };
        // Buffers in the upper half, in regions of odd sizes that touch, so that many run from one into the next.
        int slotBytes = size > 256 ? 1024 : 8192;
        int slots = size;
        ulong arena = Bench.R1;
        List<GuestRegion> regions = [new(Bench.R0, new byte[12 << 20])];
        for (ulong at = arena; at < arena + (ulong)(slots * slotBytes);)
        {
            int length = 8 * random.Next(100, 1 << 17);
            regions.Add(new(at, new byte[length]));
            at += (ulong)length;
        }

        int keep = Math.Min(size - 1, 40);
        SoakDevice device = new(random.Next(), keep, (ushort)size);
        (GuestDriver driver, VirtioMmioTransport transport, _) = GuestDriver.Attach(device, options, new(regions));
        DriverQueue queue = driver.Start()!;
        byte[] table = new byte[16 * size];
        Stack<int> freeSlots = new(Enumerable.Range(0, slots));
        Dictionary<ushort, Sent> sent = [];
        int freeDescriptors = size;
        int submitted = 0;
        int reaped = 0;
        List<DriverSegment> segments = [];
        byte[] readable = new byte[slotBytes];
        while (reaped < chains)
        {
            int batch = random.Next(1, random.Next(8) == 0 ? size + 1 : Math.Min(size, 32) + 1);
            for (int i = 0; i < batch && freeDescriptors > 0 && submitted < chains; i++, submitted++)
            {
                bool indirect = random.Next(3) == 0;
                int most = indirect ? 12 : Math.Min(freeDescriptors, 9);
                int slot = freeSlots.Pop();
                Sent chain = Shape(segments, arena + (ulong)(slot * slotBytes), slotBytes, random.Next(1, most + 1), slot, random);
                Bytes.AsSpan(chain.Offset, chain.Readable).CopyTo(readable);
                int from = 0;
                foreach (DriverSegment segment in segments)
                {
                    if (segment.IsWritable) break;
                    driver.Memory.TryWrite(segment.Address, readable.AsSpan(from, (int)segment.Length));
                    from += (int)segment.Length;
                }

                chain = chain with { Descriptors = indirect ? 1 : segments.Count };
                freeDescriptors -= chain.Descriptors;
                sent.Add(queue.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(segments), indirect), chain);
            }

            if (!packed && size <= 256) driver.Memory.TryRead(queue.DescriptorArea, table);
            queue.Kick();
            device.CompleteSome(all: submitted == chains);
            if (!packed && size <= 256) AssertSame(driver.Memory, queue.DescriptorArea, table);
            foreach (UsedBuffer used in queue.Reap())
            {
                if (!sent.Remove(used.Id, out Sent chain)) Assert.Fail($"Buffer {used.Id} was not sent.");
                Check(used, chain);
                freeSlots.Push(chain.Slot);
                freeDescriptors += chain.Descriptors;
                reaped++;
            }
        }

        Assert.Empty(sent);
        Assert.Equal(0, device.Kept);
        Assert.Equal(chains, transport.Session!.Queues[0].ChainsTaken);
        Assert.Equal(0x0fu, (uint)driver.Status);
        driver.Reset();
    }

    /// <summary>
    /// Cuts a random number of bytes to read and to write, at least one in all, into a number of pieces.
    /// </summary>
    private static Sent Shape(List<DriverSegment> segments, ulong at, int room, int pieces, int slot, Random random)
    {
        segments.Clear();
        int readablePieces = random.Next(pieces + 1);
        int readable = 0;
        int writable = 0;
        // Mostly small, sometimes as large as there is room.
        int bytes = room / pieces;
        int limit = random.Next(6) == 0 ? bytes : Math.Min(bytes, 80);
        for (int i = 0; i < pieces; i++)
        {
            bool isWritable = i >= readablePieces;
            // A descriptor without bytes is legal, a chain without bytes is not.
            int length = random.Next(i == 0 ? 1 : 0, limit + 1);
            segments.Add(new(at, (uint)length, isWritable));
            at += (ulong)length;
            if (isWritable) writable += length;
            else readable += length;
        }

        return new(slot, random.Next(Pattern - readable), readable, writable, 0);
    }

    private static void Check(UsedBuffer used, in Sent chain)
    {
        if (used.Length != chain.Writable || used.Written.Length != chain.Writable)
            Assert.Fail($"Buffer {used.Id} has {used.Length} bytes instead of {chain.Writable}.");
        int copied = Math.Min(chain.Readable, chain.Writable);
        ReadOnlySpan<byte> written = used.Written;
        if (!written[..copied].SequenceEqual(Bytes.AsSpan(chain.Offset, copied))) Assert.Fail($"Buffer {used.Id} holds other bytes.");
        if (written[copied..].ContainsAnyExcept(FillDevice.Filler)) Assert.Fail($"Buffer {used.Id} is not filled to its end.");
    }

    private static void AssertSame(GuestMemory memory, ulong at, byte[] expected)
    {
        Assert.True(memory.TryGetSpan(at, expected.Length, out Span<byte> now));
        if (!now.SequenceEqual(expected)) Assert.Fail("The device has written to the descriptor table.");
    }

    private static byte[] MakePattern()
    {
        byte[] bytes = new byte[Pattern];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private readonly record struct Sent(int Slot, int Offset, int Readable, int Writable, int Descriptors);
}
