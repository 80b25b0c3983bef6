using Squib.Virtio.Queues;
using Squib.Virtio.Transport;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a device has between DRIVER_OK and reset: its connections and what waits for the guest.</summary>
internal sealed class VsockSession
{
    private readonly VsockDevice device;
    private readonly DriverSession driver;

    internal VsockSession(VsockDevice device, VsockOptions options, VsockSlots slots, VsockTally tally, DriverSession driver)
    {
        this.device = device;
        this.driver = driver;
        Options = options;
        Slots = slots;
        Tally = tally;
        Outbox = new(options.MaxPendingResets);
    }

    internal VsockOptions Options { get; }

    internal VsockSlots Slots { get; }

    internal VsockTally Tally { get; }

    internal VsockConnectionTable Connections { get; } = new();

    internal VsockOutbox Outbox { get; }

    /// <summary>Rings when the guest is to hear of a transport reset.</summary>
    internal Doorbell EventBell { get; } = new(inline: true);

    /// <summary>Whether the guest is to hear of a transport reset.</summary>
    internal bool EventDue { get; set; }

    /// <summary>Whether the driver knows this type of socket; streams it always does (5.10.3).</summary>
    internal bool Supports(VsockSocketType type) =>
        type == VsockSocketType.Stream || (type == VsockSocketType.SeqPacket && driver.Has(VsockFeature.SeqPacket));

    /// <summary>A packet to the guest.</summary>
    internal VsockPacket Compose(
        VsockOperation operation, uint hostPort, uint guestPort, ushort type, uint length, uint flags, uint consumed) =>
        new(VsockCid.Host, device.GuestCid, hostPort, guestPort, length, type, operation, flags, (uint)Options.BufferBytes, consumed);

    /// <summary>Takes a packet of the guest. There is room for a refusal; nobody but the loop of the transmit queue calls this.</summary>
    internal void Handle(ReadableSegments source)
    {
        Tally.PacketsFromGuest++;
        if (!VsockPacket.TryRead(source, out VsockPacket packet))
        {
            Tally.Malformed++;
            return;
        }

        // The driver may only speak for its own machine (5.10.6.4): an answer would go to somebody who asked nothing.
        if (packet.SourceCid != device.GuestCid)
        {
            Tally.Foreign++;
            return;
        }

        VsockSocketType type = (VsockSocketType)packet.Type;
        // MUST (5.10.6.4): a type that is not known is answered with a reset.
        if (packet.DestinationCid != VsockCid.Host || !Supports(type)) Refuse(packet);
        else if (!Connections.TryFind(packet.SourcePort, packet.DestinationPort, out VsockConnection? connection)) HandleNew(packet, type);
        else if (connection.Type != type) Refuse(packet);
        else connection.Handle(packet, source);
    }

    /// <summary>Ends all connections without a word to the guest, which knows or will be told.</summary>
    /// <param name="close">Whether there will be no new ones.</param>
    internal void AbortAll(bool close)
    {
        foreach (VsockConnection connection in Connections.List(close)) connection.Abort(VsockStatus.Reset);
    }

    private void HandleNew(in VsockPacket packet, VsockSocketType type)
    {
        if (packet.Operation != VsockOperation.Request || device.FindBackend(packet.DestinationPort) is not { } backend || !Slots.TryTake())
        {
            Refuse(packet);
            return;
        }

        VsockConnection connection = new(this, VsockState.Asked, packet.SourcePort, packet.DestinationPort, type);
        connection.TakeCredit(packet);
        if (!Connections.TryAdd(connection))
        {
            Slots.Release();
            return;
        }

        connection.AwaitAnswer();
        try
        {
            backend.Connect(new(connection));
        }
        catch (Exception error)
        {
            // Whatever is wrong with the host's side, the guest hears no, and its other connections go on.
            driver.ReportHostFailure("a connection", error);
            connection.Refuse();
        }
    }

    private void Refuse(in VsockPacket packet)
    {
        // A reset is never answered with a reset, or two sides would go on for ever.
        if (packet.Operation == VsockOperation.Reset)
        {
            Interlocked.Increment(ref Tally.Ignored);
            return;
        }

        Interlocked.Increment(ref Tally.Refused);
        // The answer comes from the address that was asked, whoever it belongs to.
        Outbox.AddReset(
            Compose(VsockOperation.Reset, packet.DestinationPort, packet.SourcePort, packet.Type, 0, 0, 0)
                with
            { SourceCid = packet.DestinationCid });
    }
}
