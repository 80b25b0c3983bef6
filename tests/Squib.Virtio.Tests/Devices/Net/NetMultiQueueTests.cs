using Squib.Virtio.Devices.Net;
using Squib.Virtio.Tests.Queues;
using Xunit;
using static Squib.Virtio.Tests.Devices.Net.Frames;
using static Squib.Virtio.Tests.Devices.Net.NetGuest;

namespace Squib.Virtio.Tests.Devices.Net;

/// <summary>Several pairs of queues, before a backend with one queue and before one with as many.</summary>
public sealed class NetMultiQueueTests
{
    private const int Pairs = 4;

    [Fact]
    [Trait("Row", "NET-77"), Trait("Row", "NET-D09")]
    public void At_first_everything_comes_on_the_first_pair()
    {
        (NetGuest guest, SpyNetBackend backend) = Start();
        for (ushort port = 1; port <= 50; port++) backend.Arrive(Udp4(Own, Peer, port, 9, 100));
        Assert.Equal(50, guest.Receive().Count);
        for (int pair = 1; pair < Pairs; pair++) Assert.Empty(guest.Receive(pair));
        // The driver may send on any of them.
        guest.Send(Ethernet(Peer, Own, 60), pair: 3);
        Assert.Single(backend.Sent);
    }

    [Fact]
    [Trait("Row", "NET-74"), Trait("Row", "NET-76"), Trait("Row", "NET-73")]
    public void The_frames_of_a_flow_come_on_one_pair_and_flows_are_spread()
    {
        (NetGuest guest, SpyNetBackend backend) = Start();
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        for (int round = 0; round < 3; round++)
        {
            for (ushort port = 1; port <= 40; port++) backend.Arrive(Udp4(Own, Peer, port, 9, 100));
        }

        HashSet<int> seen = [];
        for (int pair = 0; pair < Pairs; pair++)
        {
            List<ReceivedFrame> frames = guest.Receive(pair);
            Assert.NotEmpty(frames);
            foreach (IGrouping<int, ReceivedFrame> flow in frames.GroupBy(frame => (frame.Bytes[34] << 8) | frame.Bytes[35]))
            {
                Assert.Equal(3, flow.Count());
                Assert.True(seen.Add(flow.Key));
            }
        }

        Assert.Equal(40, seen.Count);
    }

    [Fact]
    [Trait("Row", "NET-75")]
    public void The_answers_to_what_is_sent_on_a_pair_come_on_that_pair()
    {
        (NetGuest guest, SpyNetBackend backend) = Start();
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        for (int pair = 0; pair < Pairs; pair++)
        {
            guest.Send(Udp4(Peer, Own, 5000, 53, 40), pair: pair);
            backend.Arrive(Udp4(Own, Peer, 53, 5000, 40));
            Assert.Single(guest.Receive(pair));
            guest.Send(PartialTcp6(Peer, Own, 40, 5000, 80), pair: pair);
            backend.Arrive(PartialTcp6(Own, Peer, 40, 80, 5000));
            Assert.Single(guest.Receive(pair));
        }
    }

    [Fact]
    public void The_fragments_of_a_datagram_stay_together()
    {
        (NetGuest guest, SpyNetBackend backend) = Start();
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        byte[] first = Udp4(Own, Peer, 77, 78, 100);
        byte[] second = Udp4(Own, Peer, 1234, 4321, 100);
        first[EthernetBytes + 6] = 0x20;
        second[EthernetBytes + 7] = 100;
        backend.Arrive(first);
        backend.Arrive(second);
        Assert.Single(Enumerable.Range(0, Pairs), pair => guest.Receive(pair).Count == 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Pairs)]
    [Trait("Row", "NET-78"), Trait("Row", "NET-D09")]
    public void When_a_smaller_number_of_pairs_is_answered_nothing_more_comes_on_the_others(int queues)
    {
        (NetGuest guest, SpyNetBackend backend) = Start(queues);
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        Assert.Equal(Pairs, guest.Device.PairsInUse);
        Assert.Equal(Ok, guest.UsePairs(1));
        Assert.Equal(1, guest.Device.PairsInUse);
        Assert.Equal(1, backend.Told[^1].Queues);
        for (ushort port = 1; port <= 40; port++) backend.Arrive(Udp4(Own, Peer, port, 9, 100));
        Assert.Equal(40, guest.Receive().Count);
        for (int pair = 1; pair < Pairs; pair++) Assert.Empty(guest.Receive(pair));
    }

    [Fact]
    public void A_frame_that_waits_for_a_pair_that_is_switched_off_comes_on_another()
    {
        (NetGuest guest, SpyNetBackend backend) = Start(buffers: 0);
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        guest.Send(Udp4(Peer, Own, 5000, 53, 40), pair: 3);
        backend.Arrive(Udp4(Own, Peer, 53, 5000, 40));
        Assert.Equal(1, backend.Waiting());
        guest.Lend(4);
        Assert.Equal(1, backend.Waiting());
        Assert.Equal(Ok, guest.UsePairs(2));
        guest.Lend(4, pair: 1);
        Assert.Single(Enumerable.Range(0, 2), pair => guest.Receive(pair).Count == 1);
    }

    [Fact]
    public void A_pair_without_buffers_keeps_back_the_frames_behind_its_own_and_none_is_lost()
    {
        (NetGuest guest, SpyNetBackend backend) = Start(buffers: 0);
        Assert.Equal(Ok, guest.UsePairs(2));
        guest.Send(Udp4(Peer, Own, 1, 10, 40), pair: 0);
        guest.Send(Udp4(Peer, Own, 1, 11, 40), pair: 1);
        guest.Lend(10);
        for (int i = 0; i < 10; i++) backend.Arrive(Udp4(Own, Peer, (ushort)(10 + (i % 2)), 1, 40 + i));
        guest.Lend(10, pair: 1);
        Assert.Equal([82, 84, 86, 88, 90], guest.Receive(0).Select(frame => frame.Bytes.Length));
        Assert.Equal([83, 85, 87, 89, 91], guest.Receive(1).Select(frame => frame.Bytes.Length));
    }

    [Fact]
    public void A_backend_with_as_many_queues_as_pairs_deals_the_frames_out_itself()
    {
        (NetGuest guest, SpyNetBackend backend) = Start(Pairs);
        Assert.Equal(Ok, guest.UsePairs(Pairs));
        Assert.Equal(Pairs, backend.Told[^1].Queues);
        for (int pair = 0; pair < Pairs; pair++)
        {
            byte[] frame = Udp4(Own, Peer, 1, 2, 100 + pair);
            backend.Arrive(frame, queue: pair);
            Assert.Equal(frame, guest.ReceiveOne(pair).Bytes);
            guest.Send(Udp4(Peer, Own, 1, 2, 40), pair: pair);
            Assert.Equal(pair, backend.Sent[^1].Queue);
        }
    }

    [Fact]
    public void A_driver_of_one_pair_uses_the_first_queue_of_a_backend_with_many()
    {
        SpyNetBackend backend = new(queues: Pairs);
        NetGuest guest = new(backend, new() { QueuePairs = Pairs }, without: NetFeature.MultiQueue);
        Assert.Equal(1, backend.Told[^1].Queues);
        guest.AssertHealthy(backend);
        Assert.Equal(0, backend.Sent[^1].Queue);
    }

    [Fact]
    public async Task Pairs_are_switched_while_frames_come_and_none_is_lost_or_comes_twice()
    {
        const int Count = 4000;
        const int Window = 1000;
        NetSwitch hub = new();
        NetGuest guest = new(hub.AddPort(), new() { QueuePairs = 2 }, buffers: 0);
        NetSwitchPort host = hub.AddPort();
        host.Attach(new TestPort());
        int seen = 0;
        using CancellationTokenSource end = new();
        Task sending = Vcpu.Start(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                while (i - Volatile.Read(ref seen) > Window) Thread.Yield();
                host.Send(0, new(default, Udp4(Own, Peer, (ushort)(i % 64), (ushort)(1000 + (i / 64)), 40)));
                host.EndSend(0);
            }
        });
        // The driver's two CPUs share its memory for buffers, so they take turns; the host does not wait for them.
        Lock turn = new();
        int pairs = 0;
        Task switching = Vcpu.Repeat(
            () =>
            {
                lock (turn) Assert.Equal(Ok, guest.UsePairs(1 + (pairs++ & 1)));
            },
            end.Token);
        HashSet<int> flows = [];
        Task receiving = Vcpu.Start(() =>
        {
            while (seen < Count && !end.IsCancellationRequested)
            {
                for (int pair = 0; pair < 2; pair++)
                {
                    lock (turn)
                    {
                        guest.Refill(64, pair);
                        foreach (ReceivedFrame frame in guest.Receive(pair))
                        {
                            ReadOnlySpan<byte> udp = frame.Bytes.AsSpan(34);
                            Assert.True(flows.Add((udp[0] << 24) | (udp[1] << 16) | (udp[2] << 8) | udp[3]));
                        }
                    }
                }

                Volatile.Write(ref seen, flows.Count);
            }
        });
        try
        {
            await Task.WhenAll(sending, receiving).Soon();
        }
        finally
        {
            await end.CancelAsync();
        }

        await switching.Soon();
        Assert.Equal((Count, 0), (flows.Count, (int)hub.Ports[0].Dropped));
    }

    private static (NetGuest Guest, SpyNetBackend Backend) Start(int queues = 1, int buffers = 60)
    {
        SpyNetBackend backend = new(queues: queues);
        NetGuest guest = new(backend, new() { QueuePairs = Pairs }, buffers: 0);
        for (int pair = 0; pair < Pairs; pair++) guest.Lend(buffers, 512, pair);
        return (guest, backend);
    }
}
