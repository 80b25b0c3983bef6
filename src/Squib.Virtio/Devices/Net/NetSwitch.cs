namespace Squib.Virtio.Devices.Net;

/// <summary>An Ethernet switch within the process: the guests whose network devices are at its ports reach each other.</summary>
/// <remarks>
/// <para>
/// It learns on which port an address is, passes a frame on to that port only, and floods what is for a group or for an address that
/// it has not seen. Tags of VLANs are passed on unseen.
/// </para>
/// <para>
/// A frame is copied once for each port that gets it, into the buffer of that port, where it waits until the guest there has made room
/// for it. A sender never waits for a receiver: otherwise a guest that takes nothing would hold up everybody who sends to it, or sends
/// to all. When the buffer of a port is full, the frames for that port are lost and counted (<see cref="NetSwitchPort.Dropped"/>), as
/// with a switch of metal. So that this does not happen only because a sender has more in its ring than a buffer can hold, a run of
/// frames is interrupted after <see cref="NetSwitchPort.BurstBytes"/>, and the receivers take what has come before it goes on.
/// </para>
/// <para>
/// Checksums may stay incomplete: a device whose driver does not take them so completes them. Segments that are larger than a frame are
/// not offered, because a guest at another port need not be able to take them and nobody would cut them.
/// </para>
/// </remarks>
public sealed class NetSwitch
{
    /// <summary>The most ports: a frame for all is copied as often, on the sender's time.</summary>
    public const int MaxPorts = 256;

    // 01:80:c2:00:00:0x, the first byte lowest.
    private const ulong ReservedGroup = 0x0000_00c2_8001;
    private const ulong ReservedGroupMask = 0xf0ff_ffff_ffff;

    private readonly Lock changes = new();
    private volatile NetSwitchPort[] ports = [];

    /// <summary>The ports that there are now.</summary>
    public IReadOnlyList<NetSwitchPort> Ports => ports;

    /// <summary>Adds a port for a network device; it goes when it is disposed of.</summary>
    /// <param name="capacity">The number of bytes of frames that wait for the guest at the port, at least 128 KiB.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is less than two frames of the largest size need.</exception>
    /// <exception cref="InvalidOperationException">There are <see cref="MaxPorts"/> already.</exception>
    public NetSwitchPort AddPort(int capacity = NetSwitchPort.DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, FrameRing.MinCapacity);
        NetSwitchPort port = new(this, capacity);
        lock (changes)
        {
            if (ports.Length == MaxPorts) throw new InvalidOperationException($"A switch has at most {MaxPorts} ports.");
            ports = [.. ports, port];
        }

        return port;
    }

    internal void Remove(NetSwitchPort port)
    {
        lock (changes) ports = [.. ports.Where(other => other != port)];
    }

    /// <summary>Passes a frame on to whom it may concern.</summary>
    /// <param name="from">Where it came in; it does not go out there.</param>
    /// <param name="frame">The frame.</param>
    /// <returns>Whether it was for one port that is known.</returns>
    internal bool Relay(NetSwitchPort from, in NetFrame frame)
    {
        // The driver may change the addresses meanwhile. It then sends to the wrong guest, as it could have done anyway.
        MacAddress source = MacAddress.Read(frame.First[MacAddress.Size..]);
        MacAddress destination = MacAddress.Read(frame.First);
        NetSwitchPort[] now = ports;
        if (source.IsUnicast && from.Learn(source))
        {
            foreach (NetSwitchPort port in now)
            {
                if (port != from) port.Forget(source);
            }
        }

        // What two neighbours have to say to each other ends at the switch (IEEE 802.1D, 7.12.6).
        if ((destination.Value & ReservedGroupMask) == ReservedGroup) return true;
        if (destination.IsUnicast)
        {
            foreach (NetSwitchPort port in now)
            {
                if (!port.Knows(destination)) continue;
                if (port != from) port.Put(frame);
                return true;
            }
        }

        foreach (NetSwitchPort port in now)
        {
            if (port != from) port.Put(frame);
        }

        return false;
    }

    /// <summary>Tells the devices that wait for frames, where there are some.</summary>
    internal void Wake()
    {
        // Full fence: either a reader sees what was written before, or we see that it waits.
        Interlocked.MemoryBarrier();
        foreach (NetSwitchPort port in ports) port.WakeReader();
    }
}
