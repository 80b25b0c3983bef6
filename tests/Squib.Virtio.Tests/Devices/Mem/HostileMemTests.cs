using Squib.Virtio.Devices.Mem;
using Squib.Virtio.Testing;
using Xunit;
using static Squib.Virtio.Tests.Devices.Mem.MemGuest;

namespace Squib.Virtio.Tests.Devices.Mem;

public sealed class HostileMemTests
{
    // Of the region's 512 blocks 256 are usable, and 128 are requested.
    private const long Usable = 256;
    private readonly MemGuest guest = new();

    public static TheoryData<ulong, int> Impossible => new()
    {
        { Start, 0 },
        { Start + 1, 1 },
        { Start + 4096, 1 },
        { Start - (ulong)BlockBytes, 1 },
        { Start - (ulong)BlockBytes, 2 },
        { 0, 1 },
        { At(Usable), 1 },
        { At(Usable - 1), 2 },
        { At(511), 1 },
        { At(512), 1 },
        { Start, 257 },
        { Start, 0xffff },
        { At(255), 0xffff },
        { ulong.MaxValue - (ulong)BlockBytes + 1, 0xffff },
        { ulong.MaxValue - (ulong)BlockBytes + 1, 1 },
        { 0x8000_0000_0000_0000, 0xffff },
    };

    [Theory]
    [Trait("Case", "M01")]
    [Trait("Case", "M04")]
    [Trait("Row", "MEM-24")]
    [Trait("Row", "MEM-25")]
    [Trait("Row", "MEM-26")]
    [Trait("Row", "MEM-33")]
    [Trait("Row", "MEM-34")]
    [Trait("Row", "MEM-35")]
    [Trait("Row", "MEM-48")]
    [Trait("Row", "MEM-49")]
    [Trait("Row", "MEM-50")]
    [MemberData(nameof(Impossible))]
    public void M01_Ranges_that_are_no_blocks_of_the_usable_region(ulong address, int blocks)
    {
        guest.Do(Plug, At(0), 1);
        Assert.Equal(Error, guest.Do(Plug, address, blocks));
        Assert.Equal(Error, guest.Do(Unplug, address, blocks));
        Assert.Equal((Error, 0), guest.Do(Request(State, address, blocks)));
        guest.AssertPlugged(0);
        Assert.Single(guest.Backend.Calls);
        Assert.Equal(3, guest.Device.Counters.Errors);
    }

    [Fact]
    [Trait("Case", "M02")]
    [Trait("Row", "MEM-D02")]
    public void M02_No_more_is_plugged_than_is_requested()
    {
        Assert.Equal(Nack, guest.Do(Plug, At(0), 129));
        guest.AssertPlugged();
        Assert.Equal(Ack, guest.Do(Plug, At(0), 127));
        Assert.Equal(Nack, guest.Do(Plug, At(127), 2));
        Assert.Equal(Ack, guest.Do(Plug, At(200), 1));
        Assert.Equal(Nack, guest.Do(Plug, At(201), 1));
        guest.AssertPlugged([.. Run(0, 127), 200]);
        guest.Device.SetRequested(0);
        Assert.Equal(Ack, guest.Do(Unplug, At(0), 1));
        Assert.Equal(Nack, guest.Do(Plug, At(0), 1));
        Assert.Equal(4, guest.Device.Counters.Refused);
        // A range that is plugged already is an error before it is too much.
        Assert.Equal(Error, guest.Do(Plug, At(200), 1));
    }

    [Theory]
    [Trait("Case", "M03")]
    [Trait("Row", "MEM-27")]
    [Trait("Row", "MEM-36")]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    public void M03_Eight_blocks_of_which_one_is_in_the_state_already(long odd)
    {
        guest.Do(Plug, At(odd), 1);
        Assert.Equal(Error, guest.Do(Plug, At(0), 8));
        guest.AssertPlugged(odd);
        guest.Do(Unplug, At(odd), 1);
        guest.Do(Plug, At(0), 8);
        guest.Do(Unplug, At(odd), 1);
        Assert.Equal(Error, guest.Do(Unplug, At(0), 8));
        guest.AssertPlugged(Run(0, 8).Where(block => block != odd));
        Assert.Equal(Error, guest.Do(Unplug, At(odd), 1));
        Assert.Equal(4, guest.Backend.Calls.Count);
    }

    [Fact]
    [Trait("Case", "M04")]
    [Trait("Row", "MEM-51")]
    [Trait("Row", "MEM-52")]
    [Trait("Row", "MEM-53")]
    [Trait("Row", "MEM-54")]
    public void M04_The_state_of_blocks()
    {
        guest.Do(Plug, At(4), 4);
        Assert.Equal(MemBlockState.Plugged, guest.StateOf(4, 4));
        Assert.Equal(MemBlockState.Plugged, guest.StateOf(7, 1));
        Assert.Equal(MemBlockState.Unplugged, guest.StateOf(0, 4));
        Assert.Equal(MemBlockState.Unplugged, guest.StateOf(8, 248));
        Assert.Equal(MemBlockState.Mixed, guest.StateOf(3, 2));
        Assert.Equal(MemBlockState.Mixed, guest.StateOf(7, 2));
        Assert.Equal(MemBlockState.Mixed, guest.StateOf(0, 256));
        Assert.Equal(7, guest.Device.Counters.States);
        Assert.Single(guest.Backend.Calls);
    }

    [Theory]
    [Trait("Case", "M05")]
    [InlineData(4)]
    [InlineData(9)]
    [InlineData(0xffff)]
    public void M05_A_type_that_is_not_known_is_an_error(int type)
    {
        Assert.Equal(Error, guest.Do((ushort)type, At(0), 1));
        guest.AssertPlugged();
    }

    [Theory]
    [Trait("Case", "M05")]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(23)]
    public void M05_A_request_that_is_too_short_is_an_error(int length)
    {
        guest.Do(Plug, At(0), 1);
        guest.Queue.Submit(length == 0 ? [] : [Request(UnplugAll)[..length]], [10]);
        Assert.Equal([3, 0, 0, 0, 0, 0, 0, 0, 0, 0], Assert.Single(guest.Queue.Reap()).Written);
        guest.AssertPlugged(0);
    }

    [Theory]
    [Trait("Case", "M05")]
    [InlineData(9)]
    [InlineData(0)]
    public void M05_A_request_that_cannot_be_answered_is_dropped(int length)
    {
        guest.Queue.Submit([Request(Plug, At(0), 1)], length == 0 ? [] : [length]);
        Assert.Equal(0u, Assert.Single(guest.Queue.Reap()).Length);
        guest.Queue.Submit([Request(Plug, At(0), 1), new byte[10]]);
        Assert.Equal(0u, Assert.Single(guest.Queue.Reap()).Length);
        guest.AssertPlugged();
        Assert.Equal(2, guest.Device.Counters.Malformed);
        Assert.Equal(Ack, guest.Do(Plug, At(0), 1));
    }

    [Fact]
    public void Where_the_driver_cuts_a_request_does_not_matter()
    {
        byte[] request = Request(Plug, At(5), 2);
        guest.Queue.Submit([request[..1], request[1..9], request[9..17], [.. request[17..], 1, 2, 3]], [3, 1, 20]);
        Assert.Equal(10u, Assert.Single(guest.Queue.Reap()).Length);
        guest.AssertPlugged(5, 6);
    }

    [Theory]
    [Trait("Case", "M06")]
    [Trait("Row", "MEM-28")]
    [Trait("Row", "MEM-37")]
    [InlineData(false)]
    [InlineData(true)]
    public void M06_A_host_that_fails_in_the_middle_has_done_nothing(bool throws)
    {
        guest.Backend.Throws = throws;
        guest.Backend.FailsToPlug = 4;
        Assert.Equal(Busy, guest.Do(Plug, At(0), 8));
        guest.AssertPlugged();
        Assert.Equal(Ack, guest.Do(Plug, At(0), 8));
        guest.Backend.FailsToUnplug = 4;
        Assert.Equal(Busy, guest.Do(Unplug, At(0), 8));
        guest.AssertPlugged(Run(0, 8));
        Assert.Equal(Ack, guest.Do(Unplug, At(0), 8));
        guest.AssertPlugged();
        Assert.Equal(2, guest.Device.Counters.Busy);
    }

    [Theory]
    [Trait("Case", "M06")]
    [Trait("Row", "MEM-42")]
    [InlineData(false)]
    [InlineData(true)]
    public void M06_UNPLUG_ALL_unplugs_all_or_nothing(bool throws)
    {
        guest.Backend.Throws = throws;
        guest.Do(Plug, At(0), 4);
        guest.Do(Plug, At(10), 8);
        guest.Backend.FailsToUnplug = 14;
        Assert.Equal(Busy, guest.Do(UnplugAll));
        guest.AssertPlugged([.. Run(0, 4), .. Run(10, 8)]);
        guest.Backend.FailsToUnplug = 14;
        guest.Backend.FailsToPlug = 2;
        Assert.Equal(Busy, guest.Do(UnplugAll));
        // What could not be undone either is unplugged, and the driver can see that.
        guest.AssertPlugged(Run(10, 8));
        Assert.Equal(MemBlockState.Unplugged, guest.StateOf(0, 4));
        Assert.Equal(Ack, guest.Do(UnplugAll));
        guest.AssertPlugged();
    }

    [Fact]
    public void Malformed_chains_are_passed_over()
    {
        guest.Queue.Add([new DriverSegment(0x1000, 24, IsWritable: false), new DriverSegment(0x2000, 10, IsWritable: true)]);
        guest.Queue.Kick();
        Assert.Equal(0u, Assert.Single(guest.Queue.Reap()).Length);
        Assert.Equal(Ack, guest.Do(Plug, At(0), 1));
    }
}
