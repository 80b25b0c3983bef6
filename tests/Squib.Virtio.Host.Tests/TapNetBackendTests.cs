using System.Diagnostics;
using System.Text;
using Squib.Virtio.Devices.Net;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>A card whose cable ends in the kernel of the host: real frames in a network namespace. They need root and iproute2.</summary>
public sealed class TapNetBackendTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_host_pings_the_guest()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        TapGuest guest = new(network.Tap);
        Task<string> ping = network.RunAsync("ping", $"-c 3 -i 0.2 -s 1400 -W 20 {TapGuest.Address}");
        await guest.ServeUntil(() => ping.IsCompleted);
        Assert.Contains("3 received", await ping, StringComparison.Ordinal);
        Assert.True(guest.Device.Counters.FramesReceived >= 4);
        Assert.Equal(0, network.Tap.RefusedSends);
        Assert.Null(network.Tap.Failure);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_kernel_leaves_checksums_to_a_guest_that_takes_them_so(bool takes)
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        Assert.NotEqual(NetOffloads.None, network.Tap.Offloads & NetOffloads.Checksum);
        const ulong Segments = NetFeature.GuestTso4 | NetFeature.GuestTso6 | NetFeature.GuestUfo | NetFeature.GuestEcn;
        TapGuest guest = new(network.Tap, without: takes ? 0 : NetFeature.GuestChecksum | Segments);
        Task<string> sending = network.RunAsync("bash", $"-c \"echo -n 'to the guest' > /dev/udp/{TapGuest.Address}/777\"");
        await guest.ServeUntil(() => guest.Datagrams.Count > 0);
        await sending;
        (_, NetHeader header, byte[] frame) = guest.Datagrams[0];
        Assert.Equal("to the guest", Encoding.ASCII.GetString(frame.AsSpan(42)));
        ushort written = (ushort)((frame[40] << 8) | frame[41]);
        if (takes)
        {
            Assert.Equal(new(NetHeader.NeedsChecksum, 0, ChecksumStart: 34, ChecksumOffset: 6, Buffers: 1), header);
            Assert.Equal(TapGuest.PseudoSum(frame), written);
        }
        else
        {
            Assert.Equal(new(0, 0, Buffers: 1), header);
            // 20 bytes of datagram, an even number, and then the pseudo header.
            Assert.Equal(0xffff, TapGuest.Sum([.. frame[34..54], .. Word(TapGuest.PseudoSum(frame))]));
        }
    }

    [Fact]
    public async Task The_kernel_completes_the_checksums_that_the_guest_leaves_to_it()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        TapGuest guest = new(network.Tap);
        await MeetAsync(network, guest);
        using Process listener = network.Start("socat", "-u UDP-RECV:9999 STDOUT");
        byte[] text = new byte[11];
        Task heard = listener.StandardOutput.BaseStream.ReadExactlyAsync(text, Stop).AsTask();
        (byte[] frame, NetHeader header) = guest.Datagram(5000, 9999, "to the host"u8.ToArray());
        // Until the program listens there is nobody to hear it.
        await guest.ServeUntil(() =>
        {
            guest.Send(frame, header);
            return heard.IsCompleted;
        });
        await heard;
        Assert.Equal("to the host", Encoding.ASCII.GetString(text));
        listener.Kill();
        await listener.WaitForExitAsync(Stop);
        Assert.Equal(0, network.Tap.RefusedSends);
    }

    [Fact]
    public async Task With_several_queues_the_answers_come_on_the_pair_on_which_the_guest_has_sent()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync(queues: 2);
        TapGuest guest = new(network.Tap, pairs: 2);
        Assert.Equal(2, guest.Device.PairsInUse);
        await MeetAsync(network, guest);
        using Process echo = network.Start("socat", "UDP-RECVFROM:7777,fork EXEC:cat");
        for (int pair = 0; pair < 2; pair++)
        {
            (byte[] frame, NetHeader header) = guest.Datagram((ushort)(6000 + pair), 7777, "there and back"u8.ToArray());
            int tries = 0;
            // Until the program listens, and the kernel has seen where the flow comes from, the answer may be none or elsewhere.
            await guest.ServeUntil(() =>
            {
                if (tries++ % 50 == 0) guest.Send(frame, header, pair);
                return guest.Datagrams.Any(datagram => datagram.Pair == pair && datagram.Frame[37] == frame[35]);
            });
        }

        echo.Kill();
        await echo.WaitForExitAsync(Stop);
    }

    [Fact, Trait("Case", "H13")]
    public async Task An_interface_that_is_removed_takes_the_link_down_and_is_no_exception()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        TapGuest guest = new(network.Tap);
        await MeetAsync(network, guest);
        await network.RunAsync("ip", $"link delete {network.Tap.Name}");
        await guest.ServeUntil(() => !guest.Device.IsLinkUp);
        Assert.IsType<IOException>(network.Tap.Failure);
        (byte[] frame, NetHeader header) = guest.Datagram(1, 2, [3]);
        guest.Send(frame, header);
        Assert.Equal(1, guest.Device.Counters.SendsWithoutLink);
    }

    [Fact, Trait("Case", "H13")]
    public async Task A_network_that_is_deleted_under_the_device_takes_the_link_down_and_is_no_exception()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        TapGuest guest = new(network.Tap);
        await MeetAsync(network, guest);
        await network.DeleteAsync();
        // The interface goes with its network, some time after that.
        await guest.ServeUntil(() => !guest.Device.IsLinkUp);
        Assert.IsType<IOException>(network.Tap.Failure);
        (byte[] frame, NetHeader header) = guest.Datagram(1, 2, [3]);
        for (int i = 0; i < 50; i++) guest.Send(frame, header);
        Assert.Equal(50, guest.Device.Counters.SendsWithoutLink);
    }

    [Fact, Trait("Case", "H14")]
    public async Task The_longest_frame_that_the_kernel_makes_is_lost_where_no_buffer_holds_it_and_the_next_is_not()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        // One buffer of 2 KiB for each frame, and nothing for the kernel to leave to the guest.
        const ulong Merging = NetFeature.MergeBuffers;
        const ulong Segments = NetFeature.GuestTso4 | NetFeature.GuestTso6 | NetFeature.GuestUfo | NetFeature.GuestEcn;
        TapGuest guest = new(network.Tap, without: Merging | Segments);
        await MeetAsync(network, guest);
        await network.RunAsync("ip", $"link set {network.Tap.Name} mtu 65521");
        await network.RunAsync("bash", $"-c \"dd if=/dev/zero bs={65_521 - 28} count=1 > /dev/udp/{TapGuest.Address}/777\"");
        await guest.ServeUntil(() => guest.Device.Counters.NoBufferFits != 0);
        Assert.Equal((1, 0), (guest.Device.Counters.NoBufferFits, guest.Device.Counters.BadLength));
        await MeetAsync(network, guest);
        Assert.Null(network.Tap.Failure);
    }

    [Fact, Trait("Case", "H13")]
    public async Task A_frame_for_an_interface_that_is_down_is_counted()
    {
        await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
        TapGuest guest = new(network.Tap);
        await MeetAsync(network, guest);
        await network.RunAsync("ip", $"link set {network.Tap.Name} down");
        (byte[] frame, NetHeader header) = guest.Datagram(1, 2, [3]);
        guest.Send(frame, header);
        Assert.Equal(1, network.Tap.RefusedSends);
        Assert.True(guest.Device.IsLinkUp);
        await network.RunAsync("ip", $"link set {network.Tap.Name} up");
        await MeetAsync(network, guest);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sixteencharacter")]
    [InlineData("a/b")]
    [InlineData("tëp")]
    public void A_name_that_no_interface_can_have_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => TapNetBackend.Open(name));

    [Theory]
    [InlineData(0)]
    [InlineData(TapNetBackend.MaxQueues + 1)]
    public void A_number_of_queues_that_no_interface_can_have_is_refused(int queues) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TapNetBackend.Open("sqtest", queues));

    [Fact]
    public void An_interface_that_is_no_TAP_is_refused_with_the_reason()
    {
        if (!File.Exists("/dev/net/tun")) Assert.Skip("There is no /dev/net/tun: the kernel has no TAP interfaces.");
        IOException error = Assert.Throws<IOException>(() => TapNetBackend.Open("lo"));
        Assert.NotEmpty(error.Message);
    }

    /// <summary>Lets the host ask for the guest's address, so that each knows the other.</summary>
    private static async Task MeetAsync(NetworkNamespace network, TapGuest guest)
    {
        Task<string> ping = network.RunAsync("ping", $"-c 1 -W 20 {TapGuest.Address}");
        await guest.ServeUntil(() => ping.IsCompleted);
        await ping;
        Assert.NotNull(guest.PeerMac);
    }

    private static byte[] Word(ushort value) => [(byte)(value >> 8), (byte)value];
}
