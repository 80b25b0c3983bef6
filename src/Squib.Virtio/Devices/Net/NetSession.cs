using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Net;

/// <summary>What the loops of a network device share between DRIVER_OK and reset.</summary>
internal sealed class NetSession
{
    /// <summary>The most frames of each queue of the backend that are thrown away at the start; more came while we did.</summary>
    private const int EarlyFrames = 4096;

    private readonly NetDevice device;
    private readonly DriverSession driver;
    private readonly NetLane[] lanes;
    private readonly NetReceiver[] receivers;
    private readonly NetTransmitter[] transmitters;
    private readonly NetFlows? flows;
    private volatile NetFilter filter;
    private volatile NetOffloads receiveOffloads;
    private volatile int pairs = 1;

    internal NetSession(NetDevice device, DriverSession driver, CancellationToken reset)
    {
        this.device = device;
        this.driver = driver;
        Reset = reset;
        bool many = driver.Has(NetFeature.MultiQueue);
        MaxPairs = many ? device.QueuePairs : 1;
        Mtu = driver.Has(NetFeature.Mtu) ? device.Mtu : NetFrame.MaxLength;
        SendOffloads = ToOffloads(driver.Features, NetFeature.Checksum, NetFeature.HostTso4, NetFeature.HostTso6,
            NetFeature.HostEcn, NetFeature.HostUfo);
        receiveOffloads = GuestOffloads(driver.Features);
        filter = new()
        {
            ByAddress = driver.Has(NetFeature.ControlReceive),
            Own = driver.Has(NetFeature.Mac) ? device.Mac : null,
            Vlans = driver.Has(NetFeature.ControlVlan) ? new ulong[NetFilter.VlanCount / 64] : null,
        };
        int laneCount = Math.Min(device.Backend.QueueCount, MaxPairs);
        lanes = new NetLane[laneCount];
        for (int i = 0; i < laneCount; i++) lanes[i] = new(this, device.Backend, i);
        if (MaxPairs > 1 && laneCount == 1) flows = new();
        receivers = new NetReceiver[MaxPairs];
        transmitters = new NetTransmitter[MaxPairs];
        for (int i = 0; i < MaxPairs; i++)
        {
            NetLane lane = lanes[i % laneCount];
            receivers[i] = new(this, lane, driver.Queues[2 * i], i, device.Tallies[i], device.ReceiveControl);
            transmitters[i] = new(this, lane, driver.Queues[(2 * i) + 1], i, device.Tallies[i], device.TransmitControl);
        }
    }

    /// <summary>The backend has lost its other end.</summary>
    internal void ReportCableOut() => driver.ReportHostFailure("the cable");

    /// <summary>Fires when the session ends.</summary>
    internal CancellationToken Reset { get; }

    /// <summary>The most pairs of queues that the driver can use.</summary>
    internal int MaxPairs { get; }

    /// <summary>The number of pairs of queues in use.</summary>
    internal int Pairs => pairs;

    /// <summary>The largest payload of a frame, in bytes.</summary>
    internal int Mtu { get; }

    /// <summary>What the driver may leave to the device.</summary>
    internal NetOffloads SendOffloads { get; }

    /// <summary>What the device may leave to the driver at the moment.</summary>
    internal NetOffloads ReceiveOffloads => receiveOffloads;

    internal bool IsLinkUp => device.IsLinkUp;

    internal bool MergesBuffers => driver.Has(NetFeature.MergeBuffers);

    /// <summary>What the backend can do itself to the frames that the driver sends.</summary>
    internal NetOffloads BackendOffloads => device.Backend.Offloads;

    /// <summary>The features that were negotiated.</summary>
    internal ulong Features => driver.Features;

    /// <summary>Which frames the driver wants. Only the control loop replaces it.</summary>
    internal NetFilter Filter
    {
        get => filter;
        set => filter = value;
    }

    /// <summary>Serves the driver until it resets the device.</summary>
    internal Task RunAsync()
    {
        device.Backend.Configure(receiveOffloads, 1);
        for (int i = 0; i < lanes.Length; i++) lanes[i].DiscardEarly(device.Tallies[i], EarlyFrames);
        List<Task> loops = [];
        if (driver.Has(NetFeature.ControlQueue))
            loops.Add(new NetControl(this, device, driver.Queues[2 * MaxPairs]).RunAsync());
        foreach (NetTransmitter transmitter in transmitters) loops.Add(transmitter.RunAsync());
        foreach (NetReceiver receiver in receivers) loops.Add(receiver.RunAsync());
        return driver.RunAllAsync([.. loops]);
    }

    /// <summary>The pair that a frame is for.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="receiver">The pair that asks.</param>
    internal int Steer(ReadOnlySpan<byte> frame, int receiver)
    {
        // A backend with as many queues as the driver has pairs deals the frames out itself.
        if (flows is null) return receiver;
        int count = pairs;
        return count == 1 ? 0 : flows.Find(frame, count);
    }

    /// <summary>Remembers the pair on which the driver sends a flow.</summary>
    internal void Learn(in NetFrame frame, int pair)
    {
        if (flows is not null && pairs > 1) flows.Learn(frame.First, pair);
    }

    /// <summary>Whether headers are looked at to find a frame's flow.</summary>
    internal bool KnowsFlows => flows is not null;

    /// <summary>Whether the driver has enabled the receive queue of a pair.</summary>
    internal bool HasQueue(int pair) => driver.Queues[2 * pair].Size != 0;

    /// <summary>Whether a frame comes from another address than the device has.</summary>
    internal bool IsSpoofed(in NetFrame frame) =>
        driver.Has(NetFeature.Mac) && MacAddress.Read(frame.First[MacAddress.Size..]) != device.Mac;

    internal void WakeReceiver(int pair) => receivers[pair].Wake();

    /// <summary>The backend has frames again.</summary>
    internal void FramesWaiting(int lane)
    {
        if ((uint)lane < (uint)lanes.Length) WakeReceiver(lanes[lane].Holder);
    }

    /// <summary>The backend has room again.</summary>
    internal void RoomAvailable(int lane)
    {
        for (int i = lane; i < transmitters.Length; i += lanes.Length) transmitters[i].Wake();
    }

    /// <summary>Uses another number of pairs from now on.</summary>
    internal void UsePairs(int count)
    {
        int before = pairs;
        pairs = count;
        device.Backend.Configure(receiveOffloads, Math.Min(count, lanes.Length));
        foreach (NetLane lane in lanes)
        {
            // MUST NOT (5.1.6.5.6): when the command is answered nothing more comes on the pairs that are switched off. Whoever was
            // about to deliver there has finished once the gate has been held.
            lock (lane.Gate)
            {
                if (flows is not null && lane.Holder >= count) lane.Holder = 0;
            }
        }

        for (int i = 0; i < Math.Max(before, count); i++) WakeReceiver(i);
    }

    /// <summary>Leaves other work to the driver from now on.</summary>
    /// <param name="features">Bits of the GUEST features.</param>
    internal void UseOffloads(ulong features)
    {
        receiveOffloads = GuestOffloads(features);
        device.Backend.Configure(receiveOffloads, Math.Min(pairs, lanes.Length));
        foreach (NetLane lane in lanes)
        {
            lock (lane.Gate)
            {
                // Whoever was about to deliver a frame of the former kind has finished.
            }
        }
    }

    /// <summary>Takes another address of the device into the filter.</summary>
    internal void UseMac(MacAddress mac)
    {
        if (filter.Own is not null) filter = filter with { Own = mac };
    }

    private static NetOffloads GuestOffloads(ulong features)
    {
        NetOffloads offloads = ToOffloads(features, NetFeature.GuestChecksum, NetFeature.GuestTso4, NetFeature.GuestTso6,
            NetFeature.GuestEcn, NetFeature.GuestUfo);
        // What has to be cut has a checksum to complete, too.
        return (offloads & NetOffloads.Checksum) == 0 ? NetOffloads.None : offloads;
    }

    private static NetOffloads ToOffloads(ulong features, ulong checksum, ulong tso4, ulong tso6, ulong ecn, ulong ufo) =>
        ((features & checksum) != 0 ? NetOffloads.Checksum : 0)
        | ((features & tso4) != 0 ? NetOffloads.Tso4 : 0)
        | ((features & tso6) != 0 ? NetOffloads.Tso6 : 0)
        | ((features & ecn) != 0 ? NetOffloads.Ecn : 0)
        | ((features & ufo) != 0 ? NetOffloads.Ufo : 0);
}
