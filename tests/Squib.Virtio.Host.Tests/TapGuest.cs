using System.Buffers.Binary;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Testing;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>A guest at 192.0.2.2 with just enough of a network stack to answer ARP and ping.</summary>
internal sealed class TapGuest
{
    internal const string Address = "192.0.2.2";

    private const int Ethernet = 14;
    private const int Ip = 20;

    private static readonly byte[] OwnMac = [0x02, 0x51, 0, 0, 0, 2];
    private static readonly byte[] OwnIp = [192, 0, 2, 2];
    private static readonly byte[] PeerIp = [192, 0, 2, 1];

    private readonly GuestDriver driver;
    private readonly int pairs;

    internal TapGuest(TapNetBackend tap, int pairs = 1, ulong without = 0)
    {
        this.pairs = pairs;
        Device = new(tap, new() { Mac = MacAddress.Read(OwnMac), QueuePairs = pairs });
        (driver, _, _) = GuestDriver.Attach(Device);
        driver.Start(~without);
        if (pairs == 1) return;
        driver.Queues[^1].Submit([[4, 0], [(byte)pairs, 0]], [1]);
        Assert.Equal([0], Assert.Single(driver.Queues[^1].Reap()).Written);
    }

    internal NetDevice Device { get; }

    internal ulong Features => driver.Features;

    /// <summary>The address of the interface at the other end, once it has asked for this one's.</summary>
    internal byte[]? PeerMac { get; private set; }

    /// <summary>The UDP datagrams that have come, oldest first.</summary>
    internal List<(int Pair, NetHeader Header, byte[] Frame)> Datagrams { get; } = [];

    /// <summary>Serves the network until something is so.</summary>
    internal async Task ServeUntil(Func<bool> done)
    {
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(60);
        while (!done())
        {
            Assert.True(DateTime.UtcNow < end, "It has not come about in a minute.");
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            for (int pair = 0; pair < pairs; pair++) Serve(pair);
            await Task.Yield();
        }
    }

    /// <summary>Sends a frame.</summary>
    internal void Send(byte[] frame, NetHeader header = default, int pair = 0)
    {
        byte[] bytes = new byte[NetHeader.Size];
        header.Write(bytes);
        DriverQueue queue = driver.Queues[(2 * pair) + 1];
        queue.Submit([[.. bytes, .. frame]]);
        queue.Reap();
    }

    /// <summary>A UDP datagram for the other end whose checksum is left to whoever comes next.</summary>
    internal (byte[] Frame, NetHeader Header) Datagram(ushort from, ushort to, byte[] payload)
    {
        byte[] frame = new byte[Ethernet + Ip + 8 + payload.Length];
        PeerMac!.CopyTo(frame, 0);
        OwnMac.CopyTo(frame, 6);
        frame[12] = 8;
        Span<byte> ip = frame.AsSpan(Ethernet);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        (ip[8], ip[9]) = (64, 17);
        OwnIp.CopyTo(ip[12..]);
        PeerIp.CopyTo(ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~Sum(ip[..Ip]));
        Span<byte> udp = ip[Ip..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, from);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], to);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], PseudoSum(frame));
        payload.CopyTo(udp[8..]);
        return (frame, new(NetHeader.NeedsChecksum, 0, ChecksumStart: Ethernet + Ip, ChecksumOffset: 6));
    }

    /// <summary>The sum of the pseudo header of a datagram.</summary>
    internal static ushort PseudoSum(byte[] frame)
    {
        int length = frame.Length - Ethernet - Ip;
        return Sum([.. frame[(Ethernet + 12)..(Ethernet + Ip)], 0, frame[Ethernet + 9], (byte)(length >> 8), (byte)length]);
    }

    /// <summary>Adds up words as RFC 1071 has it.</summary>
    internal static ushort Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++) sum += (uint)bytes[i] << ((i & 1) == 0 ? 8 : 0);
        while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }

    private void Serve(int pair)
    {
        DriverQueue queue = driver.Queues[2 * pair];
        while (queue.InFlight < 64) queue.Add([], [2048]);
        queue.Kick();
        foreach (UsedBuffer used in queue.Reap())
        {
            if (used.Length > NetHeader.Size) Take(pair, NetHeader.Read(used.Written), used.Written[NetHeader.Size..]);
        }
    }

    private void Take(int pair, NetHeader header, byte[] frame)
    {
        switch ((frame[12] << 8) | frame[13])
        {
            case 0x0806 when frame.AsSpan(38, 4).SequenceEqual(OwnIp):
                PeerMac = frame[6..12];
                if (frame[21] == 1) Send([.. PeerMac, .. OwnMac, .. frame[12..21], 2, .. OwnMac, .. OwnIp, .. frame[22..32]], pair: pair);
                break;
            case 0x0800 when frame[Ethernet + 9] == 1 && frame[Ethernet + Ip] == 8:
                Send(Echo(frame), pair: pair);
                break;
            case 0x0800 when frame[Ethernet + 9] == 17:
                Datagrams.Add((pair, header, frame));
                break;
        }
    }

    private static byte[] Echo(byte[] frame)
    {
        byte[] answer = [.. frame[6..12], .. frame[..6], .. frame[12..26], .. frame[30..34], .. frame[26..30], .. frame[34..]];
        Span<byte> icmp = answer.AsSpan(Ethernet + Ip);
        icmp[..4].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], (ushort)~Sum(icmp));
        return answer;
    }
}
