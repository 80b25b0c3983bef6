using Squib.Virtio.Diagnostics;
using Squib.Virtio.Limits;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Net;

/// <summary>A network interface (virtio 1.2, 5.1).</summary>
/// <remarks>All public members may be called by any thread.</remarks>
public sealed class NetDevice : IVirtioDevice, IMeasuredDevice
{
    private readonly Lock changes = new();
    private readonly NetOptions options;
    private readonly MacAddress givenMac;
    private volatile NetSession? running;
    private ulong mac;
    private ushort status;
    private bool linkWanted;
    private bool cableIn = true;
    private volatile bool linkUp;
    private ulong negotiated;
    private long commands;
    private long failedCommands;

    /// <summary>Makes a network interface.</summary>
    /// <param name="backend">The other end of its cable; the device does not dispose of it.</param>
    /// <param name="options">What to offer; by default all that the backend can do, with one pair of queues.</param>
    /// <exception cref="ArgumentException">
    /// An option is out of its limits, or the backend has several queues but not as many as there are pairs.
    /// </exception>
    public NetDevice(INetBackend backend, NetOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(backend);
        this.options = options ?? new();
        this.options.Validate();
        if (backend.QueueCount != 1 && backend.QueueCount != this.options.QueuePairs)
            throw new ArgumentException(
                $"A backend with {backend.QueueCount} queues needs as many pairs, not {this.options.QueuePairs}.", nameof(options));
        Backend = backend;
        givenMac = this.options.Mac ?? MacAddress.Random();
        mac = givenMac.Value;
        linkWanted = linkUp = this.options.LinkUp;
        status = linkUp ? NetConfig.LinkUp : (ushort)0;
        Features = SelectFeatures(this.options, backend);
        Config = NetConfig.Create(this.options, givenMac, status);
        int queues = (2 * QueuePairs) + (this.options.ControlQueue ? 1 : 0);
        // All have one size: whether queue 2 is the control queue depends on MQ, and the driver may see its size before.
        QueueSizes = [.. Enumerable.Repeat(this.options.QueueSize, queues)];
        Tallies = [.. Enumerable.Range(0, QueuePairs).Select(_ => new NetTally())];
        ReceiveControl = new(this.options.ReceiveLimiter);
        TransmitControl = new(this.options.TransmitLimiter);
        backend.Attach(new Port(this));
    }

    /// <inheritdoc/>
    public DeviceType Type => DeviceType.Net;

    /// <inheritdoc/>
    public ulong Features { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public ConfigSpace Config { get; }

    /// <summary>The address, which the driver may have set.</summary>
    public MacAddress Mac => MacAddress.FromValue(Volatile.Read(ref mac));

    /// <summary>Whether frames pass: the link has not been taken down, and the backend has something at its other end.</summary>
    public bool IsLinkUp => linkUp;

    /// <summary>The number of pairs of queues that the driver uses now; 0 while it is not there.</summary>
    public int PairsInUse => running?.Pairs ?? 0;

    /// <summary>What the device has done so far.</summary>
    public NetCounters Counters => CountAll();

    /// <summary>
    /// What limits the frames to the driver, and their bytes; null for nothing. Frames that must wait do so in the backend.
    /// </summary>
    public RateLimiter? ReceiveLimiter
    {
        get => ReceiveControl.Limiter;
        set => ReceiveControl.Limiter = value;
    }

    /// <summary>What limits the frames of the driver, and their bytes; null for nothing. It may be the other direction's.</summary>
    public RateLimiter? TransmitLimiter
    {
        get => TransmitControl.Limiter;
        set => TransmitControl.Limiter = value;
    }

    internal RateControl ReceiveControl { get; }

    internal RateControl TransmitControl { get; }

    internal INetBackend Backend { get; }

    internal NetTally[] Tallies { get; }

    internal int QueuePairs => options.QueuePairs;

    internal int Mtu => options.Mtu ?? NetFrame.MaxLength;

    /// <summary>Takes the link up or down and tells the guest; while it is down no frame passes in either direction.</summary>
    /// <param name="up">Whether it is to be up.</param>
    public void SetLink(bool up)
    {
        lock (changes)
        {
            linkWanted = up;
            UpdateLink();
        }
    }

    /// <summary>Asks the guest to announce itself to its network, as after it has moved to another host.</summary>
    /// <returns>Whether the guest is there and has said that it can.</returns>
    public bool Announce()
    {
        lock (changes)
        {
            if ((negotiated & NetFeature.GuestAnnounce) == 0 || running is null) return false;
            status |= NetConfig.Announce;
            NetConfig.SetStatus(Config, status, tell: true);
            return true;
        }
    }

    /// <summary>Changes what the guest is told of the speed of the link.</summary>
    /// <param name="speedMbps">Mbit/s, 0 to 2,147,483,647, or <see cref="NetOptions.UnknownSpeed"/>.</param>
    /// <param name="fullDuplex">Whether the link carries both directions at once; null if nobody knows.</param>
    /// <exception cref="ArgumentOutOfRangeException">The speed cannot be told.</exception>
    /// <exception cref="InvalidOperationException">The link is up.</exception>
    public void SetSpeed(uint speedMbps, bool? fullDuplex)
    {
        NetOptions.CheckSpeed(speedMbps);
        lock (changes)
        {
            // SHOULD NOT (5.1.4.1): neither changes while the link is up.
            if (linkUp) throw new InvalidOperationException("The speed changes only while the link is down.");
            NetConfig.SetSpeed(Config, speedMbps, fullDuplex);
        }
    }

    /// <inheritdoc/>
    public bool Accepts(ulong features) => NetFeature.AreConsistent(features);

    void IMeasuredDevice.Measure(in Measures to)
    {
        NetCounters counters = Counters;
        to.Requests("receive", counters.FramesReceived);
        to.Requests("send", counters.FramesSent);
        to.Requests("control", counters.Commands);
        to.Bytes(counters.BytesReceived, counters.BytesSent);
        to.Errors("send_malformed", counters.MalformedSends);
        to.Errors("send_without_link", counters.SendsWithoutLink);
        to.Errors("send_spoofed", counters.SpoofedSends);
        to.Errors("receive_filtered", counters.Filtered);
        to.Errors("receive_bad_length", counters.BadLength);
        to.Errors("receive_bad_offload", counters.BadOffload);
        to.Errors("receive_no_buffer_fits", counters.NoBufferFits);
        to.Errors("receive_without_link", counters.ReceivesWithoutLink);
        to.Errors("receive_without_driver", counters.ReceivesWithoutDriver);
        to.Errors("bad_buffer", counters.BadBuffers);
        to.Errors("failed_command", counters.FailedCommands);
        to.Throttled(ReceiveControl.Throttled, "to_guest");
        to.Throttled(TransmitControl.Throttled, "from_guest");
    }

    /// <inheritdoc/>
    public async Task RunAsync(DriverSession session, CancellationToken reset)
    {
        ArgumentNullException.ThrowIfNull(session);
        NetSession begun = new(this, session, reset);
        lock (changes)
        {
            negotiated = session.Features;
            running = begun;
        }

        await begun.RunAsync().ConfigureAwait(false);
        lock (changes)
        {
            running = null;
            negotiated = 0;
            // What the driver has set ends with it.
            UseMac(givenMac);
            status &= unchecked((ushort)~NetConfig.Announce);
            NetConfig.SetStatus(Config, status, tell: false);
        }
    }

    /// <summary>The driver has seen the request to announce itself.</summary>
    internal bool EndAnnouncement()
    {
        lock (changes)
        {
            // MUST (5.1.6.5.4.1): the bit is clear before the command is answered.
            status &= unchecked((ushort)~NetConfig.Announce);
            NetConfig.SetStatus(Config, status, tell: false);
            return true;
        }
    }

    /// <summary>Changes the address.</summary>
    internal void UseMac(MacAddress address)
    {
        Volatile.Write(ref mac, address.Value);
        // MUST (5.1.6.5.2.1): the field mac changes before the command is answered.
        NetConfig.SetMac(Config, address);
    }

    internal void CountCommand(bool done)
    {
        Interlocked.Increment(ref commands);
        if (!done) Interlocked.Increment(ref failedCommands);
    }

    private static ulong SelectFeatures(NetOptions options, INetBackend backend)
    {
        NetOffloads can = options.Offloads & backend.Offloads;
        // Checksums are completed by the device where the backend cannot.
        if ((options.Offloads & NetOffloads.Checksum) == 0) can = NetOffloads.None;
        else can |= NetOffloads.Checksum;
        if ((can & (NetOffloads.Tso4 | NetOffloads.Tso6)) == 0) can &= ~NetOffloads.Ecn;
        ulong Both(NetOffloads offload, ulong features) => (can & offload) != 0 ? features : 0;
        ulong features = NetFeature.Mac | NetFeature.Status | NetFeature.SpeedDuplex
            | Both(NetOffloads.Checksum, NetFeature.Checksum | NetFeature.GuestChecksum)
            | Both(NetOffloads.Tso4, NetFeature.HostTso4 | NetFeature.GuestTso4)
            | Both(NetOffloads.Tso6, NetFeature.HostTso6 | NetFeature.GuestTso6)
            | Both(NetOffloads.Ecn, NetFeature.HostEcn | NetFeature.GuestEcn)
            | Both(NetOffloads.Ufo, NetFeature.HostUfo | NetFeature.GuestUfo);
        if (options.Mtu is not null) features |= NetFeature.Mtu;
        if (options.MergeBuffers) features |= NetFeature.MergeBuffers;
        if (options.QueuePairs > 1) features |= NetFeature.MultiQueue;
        if (!options.ControlQueue) return features;
        return features | NetFeature.ControlQueue | NetFeature.ControlReceive | NetFeature.ControlReceiveExtra
            | NetFeature.ControlVlan | NetFeature.GuestAnnounce | NetFeature.ControlMacAddress | NetFeature.ControlGuestOffloads;
    }

    private void OnCable(bool isIn)
    {
        lock (changes)
        {
            cableIn = isIn;
            UpdateLink();
        }

        if (!isIn) running?.ReportCableOut();
    }

    /// <summary>Joins what is wanted and what there is. The caller holds the lock.</summary>
    private void UpdateLink()
    {
        bool up = linkWanted && cableIn;
        if (up == linkUp) return;
        linkUp = up;
        if (up) status |= NetConfig.LinkUp;
        else status &= unchecked((ushort)~NetConfig.LinkUp);
        NetConfig.SetStatus(Config, status, tell: true);
    }

    private NetCounters CountAll()
    {
        long Sum(Func<NetTally, long> count) => Tallies.Sum(count);
        return new()
        {
            FramesSent = Sum(tally => Volatile.Read(ref tally.FramesSent)),
            BytesSent = Sum(tally => Volatile.Read(ref tally.BytesSent)),
            FramesReceived = Sum(tally => Volatile.Read(ref tally.FramesReceived)),
            BytesReceived = Sum(tally => Volatile.Read(ref tally.BytesReceived)),
            MalformedSends = Sum(tally => Volatile.Read(ref tally.MalformedSends)),
            SendsWithoutLink = Sum(tally => Volatile.Read(ref tally.SendsWithoutLink)),
            SpoofedSends = Sum(tally => Volatile.Read(ref tally.SpoofedSends)),
            Filtered = Sum(tally => Volatile.Read(ref tally.Filtered)),
            BadLength = Sum(tally => Volatile.Read(ref tally.BadLength)),
            BadOffload = Sum(tally => Volatile.Read(ref tally.BadOffload)),
            NoBufferFits = Sum(tally => Volatile.Read(ref tally.NoBufferFits)),
            ReceivesWithoutLink = Sum(tally => Volatile.Read(ref tally.ReceivesWithoutLink)),
            ReceivesWithoutDriver = Sum(tally => Volatile.Read(ref tally.ReceivesWithoutDriver)),
            BadBuffers = Sum(tally => Volatile.Read(ref tally.BadBuffers)),
            Commands = Interlocked.Read(ref commands),
            FailedCommands = Interlocked.Read(ref failedCommands),
        };
    }

    /// <summary>The device as its backend sees it.</summary>
    private sealed class Port(NetDevice device) : INetPort
    {
        public void FramesWaiting(int queue) => device.running?.FramesWaiting(queue);

        public void RoomAvailable(int queue) => device.running?.RoomAvailable(queue);

        public void LinkChanged(bool isUp) => device.OnCable(isUp);
    }
}
