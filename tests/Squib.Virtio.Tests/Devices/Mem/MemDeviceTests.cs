using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Memory;
using Squib.Virtio.Testing;
using Squib.Virtio.Transport;
using Xunit;
using static Squib.Virtio.Tests.Devices.Mem.MemGuest;

namespace Squib.Virtio.Tests.Devices.Mem;

public sealed class MemDeviceTests
{
    private const uint ConfigurationChange = 2;
    private const ulong Base = 0x1_0000_0000;

    private readonly MemGuest guest = new();

    [Theory]
    [Trait("Row", "MEM-D01")]
    [Trait("Row", "MEM-D03")]
    [Trait("Row", "MEM-03")]
    [Trait("Row", "MEM-10")]
    [Trait("Row", "MEM-29")]
    [Trait("Row", "MEM-30")]
    [Trait("Row", "MEM-38")]
    [Trait("Row", "MEM-39")]
    [InlineData(false)]
    [InlineData(true)]
    public void Blocks_are_plugged_and_unplugged_by_one_call_each(bool packed)
    {
        MemGuest any = new(transport: new() { RingPacked = packed, InOrder = packed });
        Assert.Equal(Ack, any.Do(Plug, At(3), 8));
        any.AssertPlugged(Run(3, 8));
        Assert.Equal(0u, any.Driver.HandleInterrupt() & ConfigurationChange);
        Assert.Equal(Ack, any.Do(Unplug, At(4), 2));
        any.AssertPlugged([3, .. Run(6, 5)]);
        Assert.Equal(["plug 3+8", "unplug 4+2"], any.Backend.Calls);
        Assert.Equal((1, 1), (any.Device.Counters.Plugs, any.Device.Counters.Unplugs));
    }

    [Fact]
    [Trait("Row", "MEM-05")]
    [Trait("Row", "MEM-06")]
    [Trait("Row", "MEM-07")]
    public void The_configuration_space_tells_sizes_in_blocks()
    {
        long[] fields = [.. new[] { 0, 16, 24, 32, 40, 48 }.Select(guest.ReadConfig)];
        Assert.Equal([BlockBytes, (long)Start, Region, 512 << 20, 0, Requested], fields);
        Assert.All(fields, value => Assert.Equal(0, value % BlockBytes));
        Assert.Equal(new byte[8], guest.Driver.ReadConfig(8, 8));
        Assert.Equal(56, guest.Device.Config.Length);
        byte[] before = guest.Driver.ReadConfig(0, 56);
        guest.Driver.WriteConfig(0, [.. Enumerable.Repeat((byte)0xff, 56)]);
        Assert.Equal(before, guest.Driver.ReadConfig(0, 56));
    }

    [Fact]
    [Trait("Row", "MEM-01")]
    [Trait("Row", "MEM-04")]
    [Trait("Row", "MEM-08")]
    [Trait("Row", "MEM-09")]
    [Trait("Row", "MEM-11")]
    [Trait("Row", "MEM-45")]
    [Trait("Row", "MEM-D04")]
    public void The_usable_region_grows_with_what_is_requested_and_does_not_shrink()
    {
        guest.Device.SetRequested(512 << 20);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.Equal((768 << 20, 512 << 20), (guest.ReadConfig(32), guest.ReadConfig(48)));
        guest.Device.SetRequested(Region);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.Equal((Region, Region), (guest.ReadConfig(32), guest.ReadConfig(48)));
        // Nothing changes by this, and the driver is told all the same.
        guest.Device.SetRequested(Region);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        guest.Device.SetRequested(0);
        Assert.Equal(ConfigurationChange, guest.Driver.HandleInterrupt());
        Assert.Equal((Region, 0), (guest.ReadConfig(32), guest.ReadConfig(48)));
        Assert.Equal((Region, 0), (guest.Device.UsableBytes, guest.Device.RequestedBytes));
        Assert.Equal(Ack, guest.Do(UnplugAll));
        Assert.Equal(256 << 20, guest.ReadConfig(32));
    }

    [Theory]
    [InlineData(-BlockBytes)]
    [InlineData(BlockBytes + 1)]
    [InlineData(Region + BlockBytes)]
    [InlineData(long.MinValue)]
    public void A_request_that_cannot_be_is_refused_and_changes_nothing(long bytes)
    {
        Assert.Throws<ArgumentOutOfRangeException>("bytes", () => guest.Device.SetRequested(bytes));
        Assert.Equal(Requested, guest.ReadConfig(48));
        Assert.Equal(0u, guest.Driver.HandleInterrupt());
    }

    [Fact]
    [Trait("Row", "MEM-02")]
    [Trait("Row", "MEM-13")]
    [Trait("Case", "M10")]
    public void M10_A_reset_of_the_device_changes_no_block()
    {
        byte[] fixedFields = guest.Driver.ReadConfig(0, 32);
        Assert.Equal(Ack, guest.Do(Plug, At(0), 32));
        guest.Driver.Reset();
        guest.AssertPlugged(Run(0, 32));
        guest.Driver.Start();
        guest.AssertPlugged(Run(0, 32));
        Assert.Equal(MemBlockState.Plugged, guest.StateOf(0, 32));
        Assert.Equal(Error, guest.Do(Plug, At(0), 1));
        Assert.Equal(fixedFields, guest.Driver.ReadConfig(0, 32));
        Assert.Equal(["plug 0+32"], guest.Backend.Calls);
    }

    [Fact]
    [Trait("Row", "MEM-20")]
    [Trait("Row", "MEM-21")]
    public void A_reset_of_the_machine_unplugs_everything()
    {
        guest.Do(Plug, At(0), 4);
        guest.Do(Plug, At(9), 1);
        Assert.True(guest.Device.UnplugAll());
        guest.AssertPlugged();
        Assert.Equal(["unplug 0+4", "unplug 9+1"], guest.Backend.Calls[2..]);
    }

    [Theory]
    [Trait("Row", "MEM-12")]
    [InlineData(ulong.MaxValue, 3UL)]
    [InlineData(~MemFeature.UnpluggedInaccessible, 3UL)]
    public void A_driver_that_may_touch_unplugged_memory_is_served_all_the_same(ulong wanted, ulong offered)
    {
        MemGuest any = new(Options with { Node = 5 }, wanted);
        Assert.Equal(offered, any.Device.Features);
        Assert.Equal([5, 0], any.Driver.ReadConfig(8, 2));
        Assert.Equal(DeviceStatus.DriverOk, any.Driver.Status & DeviceStatus.DriverOk);
        Assert.Equal(Ack, any.Do(Plug, At(0), 1));
        MemGuest unasked = new(Options with { UnpluggedInaccessible = false }, wanted);
        Assert.Equal(0UL, unasked.Device.Features);
        Assert.Equal(Ack, unasked.Do(Plug, At(0), 1));
    }

    [Fact]
    [Trait("Row", "MEM-22")]
    [Trait("Row", "MEM-23")]
    [Trait("Row", "MEM-31")]
    [Trait("Row", "MEM-32")]
    [Trait("Row", "MEM-40")]
    [Trait("Row", "MEM-41")]
    [Trait("Row", "MEM-46")]
    [Trait("Row", "MEM-47")]
    public void Padding_is_ignored()
    {
        Assert.Equal(Ack, guest.Do(Plug, At(0), 4, padding: 0xff));
        Assert.Equal((Ack, (int)MemBlockState.Plugged), guest.Do(Request(State, At(0), 4, padding: 0xff)));
        Assert.Equal(Ack, guest.Do(Unplug, At(0), 1, padding: 0xff));
        guest.AssertPlugged(Run(1, 3));
        Assert.Equal(Ack, guest.Do(UnplugAll, ulong.MaxValue, 0xffff, padding: 0xff));
        guest.AssertPlugged();
    }

    [Fact]
    [Trait("Row", "MEM-43")]
    [Trait("Row", "MEM-44")]
    public void UNPLUG_ALL_unplugs_each_run_of_blocks_by_one_call()
    {
        guest.Do(Plug, At(0), 3);
        guest.Do(Plug, At(3), 2);
        guest.Do(Plug, At(255), 1);
        Assert.Equal(Ack, guest.Do(UnplugAll));
        guest.AssertPlugged();
        Assert.Equal(["unplug 0+5", "unplug 255+1"], guest.Backend.Calls[3..]);
        Assert.Equal(MemBlockState.Unplugged, guest.StateOf(0, 256));
        Assert.Equal(0u, guest.Driver.HandleInterrupt() & ConfigurationChange);
        Assert.Equal(Ack, guest.Do(UnplugAll));
        Assert.Equal(5, guest.Backend.Calls.Count);
    }

    [Fact]
    [Trait("Row", "MEM-14")]
    [Trait("Row", "MEM-16")]
    [Trait("Row", "MEM-17")]
    [Trait("Row", "MEM-18")]
    public void Plugged_memory_keeps_its_content_and_unplugged_memory_is_discarded()
    {
        byte[] memory = new byte[8 * 4096];
        SpyReclaimer owner = new(memory);
        (MemDevice device, GuestDriver driver, GuestMemory all) =
            AttachTo(memory, owner, requested: memory.Length);
        DriverQueue queue = driver.Start()!;
        Send(Plug, 0, 4);
        Assert.True(all.TryWrite(Base, Enumerable.Repeat((byte)7, 4 * 4096).ToArray()));
        byte[] read = new byte[4 * 4096];
        Assert.True(all.TryRead(Base, read));
        Assert.All(read, b => Assert.Equal(7, b));
        Send(Plug, 4, 4);
        driver.Reset();
        queue = driver.Start()!;
        Send(Unplug, 1, 2);
        Assert.Equal([(4096L, 8192L)], owner.Discarded);
        Assert.Equal([7, 0, 0, 7, 0, 0, 0, 0], Enumerable.Range(0, 8).Select(i => (int)memory[i * 4096]));
        owner.Answer = () => false;
        Send(Unplug, 4, 1);
        Assert.Equal(5 * 4096, device.PluggedBytes);

        void Send(ushort type, int block, int count)
        {
            queue.Submit([Request(type, Base + (ulong)(block * 4096), count)], [10]);
            Assert.Equal(new byte[10], Assert.Single(queue.Reap()).Written);
        }
    }

    [Fact]
    [Trait("Row", "MEM-19")]
    public void Without_UNPLUGGED_INACCESSIBLE_unplugged_memory_can_be_read()
    {
        byte[] memory = new byte[8 * 4096];
        (MemDevice device, GuestDriver driver, GuestMemory all) =
            AttachTo(memory, new SpyReclaimer(memory), isInaccessible: false);
        driver.Start();
        Assert.Equal(0UL, driver.Features & MemFeature.UnpluggedInaccessible);
        Assert.Equal(0, device.PluggedBytes);
        Assert.True(all.TryRead(Base, new byte[device.UsableBytes]));
    }

    [Fact]
    [Trait("Row", "MEM-15")]
    public void Plugged_memory_is_as_good_as_any_other_to_drivers_and_devices()
    {
        byte[] memory = new byte[1 << 20];
        (MemDevice device, GuestDriver driver, GuestMemory all) =
            AttachTo(memory, new SpyReclaimer(memory), requested: memory.Length);
        driver.Start()!.Submit([Request(Plug, Base, 256)], [10]);
        Assert.Equal(memory.Length, device.PluggedBytes);
        // Another device whose rings and buffers all lie in it, at whatever address they fall.
        (_, VirtioMmioTransport transport, _) = GuestDriver.Attach(new EchoDevice(8), memory: all);
        GuestDriver other = new(transport, all, scratch: Base + 0x1000);
        DriverQueue queue = other.Start()!;
        Assert.InRange(queue.DescriptorArea, Base, Base + (ulong)memory.Length);
        ulong odd = Base + 0x8_0001;
        Assert.True(all.TryWrite(odd, "plugged"u8));
        queue.Add([new DriverSegment(odd, 7, IsWritable: false), new DriverSegment(odd + 4099, 7, IsWritable: true)]);
        queue.Kick();
        Assert.Equal("plugged"u8.ToArray(), Assert.Single(queue.Reap()).Written);
    }

    [Fact]
    public void Options_out_of_their_limits_are_refused_by_name()
    {
        Refuse("BlockBytes", Options with { BlockBytes = 2048 });
        Refuse("BlockBytes", Options with { BlockBytes = 3 << 20 });
        Refuse("Address", Options with { Address = Start + 4096 });
        Refuse("RegionBytes", Options with { RegionBytes = 0 });
        Refuse("RegionBytes", Options with { RegionBytes = Region + 1 });
        ulong last = ulong.MaxValue - (ulong)BlockBytes + 1;
        Refuse("RegionBytes", Options with { Address = last, RegionBytes = 2 * BlockBytes });
        Refuse("RegionBytes", Options with { Address = 0, BlockBytes = 4096, RegionBytes = 4096 * (1L + int.MaxValue) });
        Refuse("RequestedBytes", Options with { RequestedBytes = Region + BlockBytes });
        Refuse("QueueSize", Options with { QueueSize = 0 });
        Assert.Throws<ArgumentOutOfRangeException>("offset", () => guest.Device.StateOf(1, BlockBytes));
        Assert.Throws<ArgumentOutOfRangeException>("offset", () => guest.Device.StateOf(-BlockBytes, BlockBytes));
        Assert.Throws<ArgumentOutOfRangeException>("length", () => guest.Device.StateOf(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>("length", () => guest.Device.StateOf(BlockBytes, Region));

        static void Refuse(string name, MemOptions options) =>
            Assert.Equal(name, Assert.ThrowsAny<ArgumentException>(
                () => new MemDevice(new SpyMemBackend(BlockBytes), options)).ParamName);
    }

    /// <summary>A device whose region is memory of the guest, so that what is in it can be looked at.</summary>
    private static (MemDevice Device, GuestDriver Driver, GuestMemory All) AttachTo(
        byte[] memory, SpyReclaimer owner, long requested = 0, bool isInaccessible = true)
    {
        MemDevice device = new(new DiscardingMemBackend(owner), new()
        {
            Address = Base,
            RegionBytes = memory.Length,
            RequestedBytes = requested,
            BlockBytes = 4096,
            UnpluggedInaccessible = isInaccessible,
        });
        GuestMemory all = new(new(0x8000_0000, new byte[1 << 20]), new(Base, memory));
        (GuestDriver driver, _, _) = GuestDriver.Attach(device, memory: all);
        return (device, driver, all);
    }
}
