using System.Diagnostics.CodeAnalysis;
using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>What waits for room in the guest's receive queue: connections with something to send, and refusals that have none.</summary>
/// <remarks>
/// Thread-safe. A connection is in the list once, whatever it has to send; refusals are bounded, and it is for them that the
/// transmit queue stops.
/// </remarks>
internal sealed class VsockOutbox(int maxResets)
{
    private readonly Lock gate = new();
    private readonly Queue<VsockPacket> resets = new();
    private VsockConnection? first;
    private VsockConnection? last;
    private volatile int resetCount;
    private volatile bool hasConnections;

    /// <summary>Rings when there is something to send.</summary>
    internal Doorbell Bell { get; } = new(inline: true);

    /// <summary>Rings when there is room for a refusal again.</summary>
    internal Doorbell Room { get; } = new(inline: true);

    internal bool HasWork => hasConnections || resetCount > 0;

    internal bool HasRoom => resetCount < maxResets;

    /// <summary>Appends a refusal; the caller has seen that there is room, and nobody else appends any.</summary>
    internal void AddReset(in VsockPacket packet)
    {
        lock (gate)
        {
            resets.Enqueue(packet);
            resetCount = resets.Count;
        }
    }

    /// <summary>The oldest refusal; it stays until <see cref="DropReset"/>.</summary>
    internal bool TryPeekReset(out VsockPacket packet)
    {
        packet = default;
        if (resetCount == 0) return false;
        lock (gate) return resets.TryPeek(out packet);
    }

    internal void DropReset()
    {
        lock (gate)
        {
            resets.Dequeue();
            resetCount = resets.Count;
        }
    }

    /// <summary>Appends a connection unless it is in the list.</summary>
    internal void Add(VsockConnection connection)
    {
        lock (gate)
        {
            if (connection.IsReady) return;
            connection.IsReady = true;
            if (last is null) first = connection;
            else last.NextReady = connection;
            last = connection;
            hasConnections = true;
        }
    }

    /// <summary>Puts a connection at the front again: there was no buffer for it.</summary>
    internal void PutBack(VsockConnection connection)
    {
        lock (gate)
        {
            if (connection.IsReady) return;
            connection.IsReady = true;
            connection.NextReady = first;
            first = connection;
            last ??= connection;
            hasConnections = true;
        }
    }

    /// <summary>Takes the connection at the front.</summary>
    internal bool TryTake([NotNullWhen(true)] out VsockConnection? connection)
    {
        connection = null;
        if (!hasConnections) return false;
        lock (gate)
        {
            connection = first;
            if (connection is null) return false;
            first = connection.NextReady;
            if (first is null) last = null;
            hasConnections = first is not null;
            connection.NextReady = null;
            connection.IsReady = false;
            return true;
        }
    }
}
