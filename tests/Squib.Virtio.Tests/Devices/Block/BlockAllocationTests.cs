using Squib.Virtio.Devices.Block;
using Squib.Virtio.Testing;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>A request allocates nothing on the thread that serves it.</summary>
public sealed class BlockAllocationTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Theory]
    [InlineData(In, false, BlockCacheMode.WriteBack)]
    [InlineData(Out, false, BlockCacheMode.WriteBack)]
    [InlineData(Out, false, BlockCacheMode.WriteThrough)]
    [InlineData(Flush, false, BlockCacheMode.WriteBack)]
    [InlineData(GetId, false, BlockCacheMode.WriteBack)]
    [InlineData(WriteZeroes, false, BlockCacheMode.WriteBack)]
    [InlineData(99u, false, BlockCacheMode.WriteBack)]
    [InlineData(In, true, BlockCacheMode.WriteBack)]
    [InlineData(Out, true, BlockCacheMode.WriteBack)]
    public async Task A_request_allocates_nothing(uint type, bool inFile, BlockCacheMode cache)
    {
        File.WriteAllBytes(path, new byte[1 << 20]);
        await using IBlockBackend backend =
            inFile ? FileBlockBackend.Open(path) : new MemoryBlockBackend(new byte[1 << 20]);
        BlockGuest guest = new(backend, new() { Cache = cache });
        // The first rounds fill pools, and a collection counts what is left of the thread's piece of heap: the least
        // tells.
        long least = long.MaxValue;
        for (int round = 0; round < 40; round++) least = Math.Min(least, Round(guest, type));
        bool waits = cache == BlockCacheMode.WriteThrough || type is Flush or WriteZeroes;
        if (Optimization.IsOn || !waits) Assert.Equal(0, least);
        Assert.Equal(type == 99 ? 40 * 32 : 0, guest.Device.Counters.Failed);
    }

    private static long Round(BlockGuest guest, uint type)
    {
        for (int i = 0; i < 32; i++)
        {
            byte[][] readable = type switch
            {
                Out => [Header(type, 8), Pattern(4096)],
                WriteZeroes => [Header(type, 0), Range(0, 8)],
                _ => [Header(type, 0)],
            };
            guest.Queue.Add(readable, type switch { In => [4096, 1], GetId => [20, 1], _ => [1] });
        }

        guest.Queue.Publish();
        long before = GC.GetAllocatedBytesForCurrentThread();
        guest.Queue.Notify();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        List<UsedBuffer> used = guest.Queue.Reap();
        Assert.Equal(32, used.Count);
        return allocated;
    }
}
