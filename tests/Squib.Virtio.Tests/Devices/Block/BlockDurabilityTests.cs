using Squib.Virtio.Devices.Block;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Block.BlockGuest;

namespace Squib.Virtio.Tests.Devices.Block;

public sealed class BlockDurabilityTests : IAsyncDisposable
{
    private const int WriteBackField = 0x20;
    private readonly SpyBlockBackend backend = new(1 << 20);

    public ValueTask DisposeAsync() => backend.DisposeAsync();

    [Fact]
    [Trait("Row", "BLK-20")]
    public void FLUSH_commits_and_its_failure_is_IOERR()
    {
        BlockGuest guest = new(backend);
        guest.Write(0, new byte[512]);
        Assert.Equal(["write 0+512"], backend.Calls);
        Assert.Equal(Ok, guest.Do(Flush, 0).Status);
        Assert.Equal(["write 0+512", "flush 0+0"], backend.Calls);
        backend.Faults["flush"] = () => BlockStatus.IoError;
        Assert.Equal(IoError, guest.Do(Flush, 0).Status);
    }

    [Fact]
    [Trait("Row", "BLK-18")]
    public void A_driver_that_cannot_flush_gets_every_write_committed()
    {
        BlockGuest guest = new(backend, wanted: ~(BlockFeature.Flush | BlockFeature.ConfigWce));
        Assert.Equal(Ok, guest.Write(0, new byte[512]).Status);
        Assert.Equal(["write 0+512", "flush 0+0"], backend.Calls);
        backend.Faults["flush"] = () => BlockStatus.IoError;
        Assert.Equal(IoError, guest.Write(0, new byte[512]).Status);
    }

    [Fact]
    [Trait("Row", "BLK-03")]
    public void With_CONFIG_WCE_but_not_FLUSH_the_cache_starts_off()
    {
        BlockGuest guest = new(backend, start: false);
        Assert.Equal([1], guest.Driver.ReadConfig(WriteBackField, 1));
        guest.Driver.Probe(~BlockFeature.Flush);
        Assert.Equal([0], guest.Driver.ReadConfig(WriteBackField, 1));
        guest.Driver.SetUpQueue(0);
        guest.Driver.SetDriverOk();
        guest.Write(0, new byte[512]);
        Assert.Equal(["write 0+512", "flush 0+0"], backend.Calls);
    }

    [Fact]
    [Trait("Row", "BLK-19")]
    [Trait("Row", "BLK-D07")]
    public void The_driver_switches_the_cache_while_the_disk_runs()
    {
        BlockGuest guest = new(backend);
        Assert.True(guest.Device.IsWriteBack);
        guest.Write(0, new byte[512]);
        Assert.Equal(0, backend.Count("flush"));
        guest.Driver.WriteConfig(WriteBackField, 0);
        Assert.Equal([0], guest.Driver.ReadConfig(WriteBackField, 1));
        // What was written with a cache is committed, since the driver will not flush any more.
        Assert.Equal(1, backend.Count("flush"));
        guest.Write(0, new byte[512]);
        Assert.Equal(2, backend.Count("flush"));
        guest.Do(WriteZeroes, 0, [Range(0, 1)]);
        Assert.Equal(3, backend.Count("flush"));
        guest.Driver.WriteConfig(WriteBackField, 1);
        guest.Write(0, new byte[512]);
        Assert.Equal(3, backend.Count("flush"));
    }

    [Fact]
    [Trait("Case", "B22")]
    public void B22_The_field_writeback_is_a_boolean()
    {
        BlockGuest guest = new(backend, new() { Cache = BlockCacheMode.WriteThrough });
        Assert.Equal([0], guest.Driver.ReadConfig(WriteBackField, 1));
        guest.Driver.WriteConfig(WriteBackField, 0xff);
        Assert.Equal([1], guest.Driver.ReadConfig(WriteBackField, 1));
        Assert.Equal(0u, guest.Driver.HandleInterrupt() & 2);
    }

    [Fact]
    [Trait("Case", "B22")]
    public void B22_Without_CONFIG_WCE_the_field_cannot_be_written()
    {
        BlockGuest guest = new(backend, wanted: ~BlockFeature.ConfigWce);
        guest.Driver.WriteConfig(WriteBackField, 0);
        Assert.True(guest.Device.IsWriteBack);
        Assert.Equal(1, guest.Device.Config.RefusedWrites);
        BlockGuest without = new(new SpyBlockBackend(512), new() { Cache = BlockCacheMode.Unsafe });
        without.Driver.WriteConfig(WriteBackField, 1);
        Assert.Equal([0], without.Driver.ReadConfig(WriteBackField, 1));
    }

    [Fact]
    [Trait("Case", "B22")]
    public void B22_Ten_thousand_switches_lose_no_flush()
    {
        backend.Records = false;
        int dirty = 0;
        backend.Called = call => dirty = call switch { "write" => dirty + 1, "flush" => 0, _ => dirty };
        BlockGuest guest = new(backend);
        for (int i = 0; i < 10_000; i++)
        {
            guest.Driver.WriteConfig(WriteBackField, (byte)(i % 2));
            if (i % 2 == 0) Assert.Equal(0, dirty);
            Assert.Equal(Ok, guest.Write(0, new byte[512]).Status);
            Assert.Equal(i % 2, dirty);
        }
    }

    [Fact]
    [Trait("Row", "BLK-21")]
    public void A_disk_without_promises_never_flushes()
    {
        BlockGuest guest = new(backend, new() { Cache = BlockCacheMode.Unsafe });
        guest.Write(0, new byte[512]);
        Assert.Equal(Unsupported, guest.Do(Flush, 0).Status);
        guest.Driver.Reset();
        Assert.Equal(["write 0+512"], backend.Calls);
    }

    [Fact]
    public async Task What_was_not_flushed_is_committed_when_the_machine_stops()
    {
        BlockGuest guest = new(backend);
        guest.Write(0, new byte[512]);
        await guest.Transport.DisposeAsync();
        Assert.Equal(["write 0+512", "flush 0+0"], backend.Calls);
        BlockGuest clean = new(new SpyBlockBackend(512));
        clean.Read(0, 512);
        await clean.Transport.DisposeAsync();
        Assert.Equal(DeviceStatus.None, clean.Driver.Status & DeviceStatus.NeedsReset);
    }
}
