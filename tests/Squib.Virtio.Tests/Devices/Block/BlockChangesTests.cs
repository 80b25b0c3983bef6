using Squib.Virtio.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

/// <summary>What the host changes while the guest runs, several queues, and failing hosts.</summary>
public sealed class BlockChangesTests : IAsyncDisposable
{
    private const uint ConfigurationChange = 2;
    private readonly SpyBlockBackend backend = new(1 << 20);

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    [Fact]
    public void A_new_capacity_reaches_the_driver_and_is_kept_to()
    {
        BlockGuest guest = new(backend);
        uint generation = guest.Driver.ReadRegister(MmioRegister.ConfigGeneration);
        guest.Device.Resize(512 * 10);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.NotEqual(generation, guest.Driver.ReadRegister(MmioRegister.ConfigGeneration));
        Assert.Equal(10u, guest.ReadCapacity());
        Assert.Equal(IoError, guest.Read(10, 512).Status);
        Assert.Equal(Ok, guest.Read(9, 512).Status);
        guest.Device.Resize(1 << 20);
        Assert.Equal(2048u, guest.ReadCapacity());
        Assert.Equal(Ok, guest.Read(10, 512).Status);
        Assert.Throws<ArgumentOutOfRangeException>("bytes", () => guest.Device.Resize((1 << 20) + 512));
        Assert.Throws<ArgumentOutOfRangeException>("bytes", () => guest.Device.Resize(1000));
        Assert.Throws<ArgumentOutOfRangeException>("bytes", () => guest.Device.Resize(-512));
        Assert.Equal(1 << 20, guest.Device.Capacity);
    }

    [Fact]
    public async Task Another_image_takes_the_place_of_the_first()
    {
        BlockGuest guest = new(backend);
        guest.Write(0, new byte[512]);
        SpyBlockBackend next = new(1 << 19) { CanUnmap = false };
        Array.Fill(next.Bytes, (byte)7);
        Assert.Same(backend, await guest.Device.SwapAsync(next));
        Assert.Equal(["write 0+512", "flush 0+0"], backend.Calls);
        Assert.False(backend.Disposed);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt() & ConfigurationChange);
        Assert.Equal(1024u, guest.ReadCapacity());
        Assert.All(guest.Read(0, 512).Data, b => Assert.Equal(7, b));
        Assert.Equal(Ok, guest.Do(Discard, 0, [Range(0, 1)]).Status);
    }

    [Fact]
    [Trait("Row", "BLK-15")]
    [Trait("Row", "BLK-16")]
    [Trait("Row", "BLK-17")]
    public async Task The_driver_is_told_when_zeroing_can_no_longer_unmap()
    {
        BlockGuest guest = new(backend);
        Assert.Equal([1], guest.Driver.ReadConfig(0x38, 1));
        uint generation = guest.Driver.ReadRegister(MmioRegister.ConfigGeneration);
        await guest.Device.SwapAsync(new SpyBlockBackend(1 << 20) { CanUnmap = false });
        Assert.Equal([0], guest.Driver.ReadConfig(0x38, 1));
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt() & ConfigurationChange);
        Assert.NotEqual(generation, guest.Driver.ReadRegister(MmioRegister.ConfigGeneration));
    }

    [Fact]
    public async Task A_swap_waits_for_the_requests_that_the_old_image_has()
    {
        backend.Holds = true;
        BlockGuest guest = new(backend);
        guest.Submit(In, 0, writable: [512]);
        SpyBlockBackend next = new(1 << 20);
        Task<IBlockBackend> swap = guest.Device.SwapAsync(next);
        guest.Submit(In, 1, writable: [512]);
        Assert.Equal(["read 512+512"], next.Calls);
        Assert.False(swap.IsCompleted);
        backend.Held.Single().Complete();
        Assert.Same(backend, await swap);
        Assert.Equal([Ok, Ok], guest.ReapAll().Select(a => a.Status));
    }

    [Fact]
    public async Task A_read_only_image_is_refused_where_the_driver_writes()
    {
        BlockGuest guest = new(backend);
        await using SpyBlockBackend readOnly = new(512) { ReadOnly = true };
        await using SpyBlockBackend odd = new(100);
        await Assert.ThrowsAsync<ArgumentException>("next", () => guest.Device.SwapAsync(readOnly));
        await Assert.ThrowsAsync<ArgumentException>("backend", () => guest.Device.SwapAsync(odd));
        Assert.Equal(1 << 20, guest.Device.Capacity);
        guest.AssertHealthy();
    }

    [Theory]
    [InlineData(DeviceScheduling.Inline)]
    [InlineData(DeviceScheduling.Pooled)]
    public void Every_queue_serves(DeviceScheduling scheduling)
    {
        Pattern(1 << 20).CopyTo(backend.Bytes, 0);
        BlockGuest guest = new(backend, new() { QueueCount = 4 }, new() { Scheduling = scheduling });
        Assert.Equal(4, guest.Driver.Queues.Count);
        backend.Records = false;
        for (int i = 0; i < 4; i++)
        {
            guest.Submit(In, (ulong)i, writable: [512], queue: i);
            List<BlockAnswer> answers = [];
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    answers.AddRange(guest.ReapAll(i));
                    return answers.Count > 0;
                },
                TimeSpan.FromSeconds(10)));
            Assert.Equal(Pattern(1 << 20)[(i * 512)..((i + 1) * 512)], answers.Single().Data);
        }

        Assert.Equal(4, guest.Device.Counters.Reads);
    }

    [Fact]
    [Trait("Row", "BLK-13")]
    [Trait("Row", "BLK-14")]
    [Trait("Row", "BLK-D05")]
    public void Zeroed_sectors_read_as_zeros_whether_unmapped_or_not()
    {
        Array.Fill(backend.Bytes, (byte)0xff);
        BlockGuest guest = new(backend);
        Assert.Equal(Ok, guest.Do(WriteZeroes, 0, [Range(1, 2), Range(8, 1, 1)]).Status);
        Assert.Equal(["zero 512+1024", "unmap 4096+512"], backend.Calls);
        byte[] read = guest.Read(0, 9 * 512).Data;
        for (int i = 0; i < read.Length; i++) Assert.Equal(i / 512 is 1 or 2 or 8 ? 0 : 0xff, read[i]);
    }

    [Fact]
    [Trait("Row", "BLK-12")]
    [Trait("Row", "BLK-D05")]
    public void Discarded_sectors_go_back_to_the_host_and_no_others()
    {
        Array.Fill(backend.Bytes, (byte)0xff);
        BlockGuest guest = new(backend);
        Assert.Equal(Ok, guest.Do(Discard, 0, [Range(8, 8), Range(32, 16)]).Status);
        Assert.Equal(["discard 4096+4096", "discard 16384+8192"], backend.Calls);
        byte[] read = guest.Read(0, 64 * 512).Data;
        for (int i = 0; i < read.Length; i++) Assert.Equal(i / 512 is (>= 8 and < 16) or (>= 32 and < 48) ? 0 : 0xff, read[i]);
    }

    [Theory]
    [Trait("Row", "BLK-D06")]
    [InlineData(Discard, "discard")]
    [InlineData(WriteZeroes, "zero")]
    public void After_a_range_that_fails_those_before_it_are_done_and_those_after_it_are_not(uint type, string call)
    {
        Array.Fill(backend.Bytes, (byte)0xff);
        int calls = 0;
        backend.Faults[call] = () => ++calls == 2 ? BlockStatus.IoError : BlockStatus.Ok;
        BlockGuest guest = new(backend);
        Assert.Equal(IoError, guest.Do(type, 0, [Range(0, 1), Range(2, 1), Range(4, 1)]).Status);
        Assert.Equal([$"{call} 0+512", $"{call} 1024+512"], backend.Calls);
        backend.Faults.Clear();
        Assert.Equal(Ok, guest.Do(type, 0, [Range(4, 1)]).Status);
        Assert.All(guest.Read(3, 512).Data, b => Assert.Equal(0xff, b));
    }

    [Fact]
    [Trait("Row", "BLK-D08")]
    public void A_driver_without_MQ_has_the_first_queue_alone()
    {
        BlockGuest guest = new(backend, new() { QueueCount = 2 }, wanted: ~BlockFeature.MultiQueue);
        guest.Submit(In, 0, writable: [512], queue: 1);
        Assert.Empty(guest.ReapAll(1));
        Assert.Empty(backend.Calls);
        guest.AssertHealthy();
    }

    [Fact]
    public void Published_limits_of_ranges_are_kept_to()
    {
        BlockGuest guest = new(backend, new() { MaxDiscardSectors = 100, MaxWriteZeroesSectors = 50, MaxRanges = 2 });
        Assert.Equal(Ok, guest.Do(Discard, 0, [Range(0, 100)]).Status);
        Assert.Equal(IoError, guest.Do(Discard, 0, [Range(0, 101)]).Status);
        Assert.Equal(Ok, guest.Do(WriteZeroes, 0, [Range(0, 50), Range(50, 50)]).Status);
        Assert.Equal(IoError, guest.Do(WriteZeroes, 0, [Range(0, 51)]).Status);
        Assert.Equal(IoError, guest.Do(WriteZeroes, 0, [Range(0, 1), Range(1, 1), Range(2, 1)]).Status);
    }

    [Theory]
    [Trait("Case", "H01")]
    [Trait("Case", "H06")]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(ObjectDisposedException))]
    [InlineData(typeof(OperationCanceledException))]
    public void A_backend_that_throws_costs_the_request_and_nothing_else(Type exception)
    {
        BlockGuest guest = new(backend);
        foreach (string call in new[] { "read", "write", "flush", "discard", "zero" })
            backend.Faults[call] = () => throw (Exception)Activator.CreateInstance(exception, "No.")!;
        Assert.Equal(IoError, guest.Read(0, 512).Status);
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
        Assert.Equal(IoError, guest.Do(Flush, 0).Status);
        Assert.Equal(IoError, guest.Do(Discard, 0, [Range(0, 1)]).Status);
        Assert.Equal(IoError, guest.Do(WriteZeroes, 0, [Range(0, 1)]).Status);
        Assert.Equal(5, guest.Device.Counters.Failed);
        backend.Faults.Clear();
        guest.AssertHealthy();
    }

    [Fact]
    [Trait("Case", "H03")]
    public void A_backend_that_fills_only_a_part_is_IOERR()
    {
        backend.Faults["read"] = () => BlockStatus.Ok;
        BlockGuest guest = new(backend);
        Assert.Equal(IoError, guest.Read(0, 512).Status);
        backend.Faults.Clear();
        guest.AssertHealthy();
    }
}
