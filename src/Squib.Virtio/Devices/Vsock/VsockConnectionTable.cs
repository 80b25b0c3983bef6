using System.Diagnostics.CodeAnalysis;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The connections of one session by their two ports. Thread-safe.</summary>
internal sealed class VsockConnectionTable
{
    /// <summary>Host ports for connections that the host asks for: 2^30 up to 2^31, in turn.</summary>
    private const uint FirstHostPort = 1u << 30;

    private readonly Lock gate = new();
    private readonly Dictionary<ulong, VsockConnection> connections = [];
    private uint nextHostPort = FirstHostPort;
    private bool closed;

    internal bool TryFind(uint guestPort, uint hostPort, [NotNullWhen(true)] out VsockConnection? connection)
    {
        lock (gate) return connections.TryGetValue(Key(guestPort, hostPort), out connection);
    }

    /// <summary>Adds a connection.</summary>
    /// <returns>False: there is one with these ports, or the session is over.</returns>
    internal bool TryAdd(VsockConnection connection)
    {
        lock (gate) return !closed && connections.TryAdd(Key(connection.GuestPort, connection.HostPort), connection);
    }

    /// <summary>Removes a connection, if it is still this one that has its ports.</summary>
    internal void Remove(VsockConnection connection)
    {
        ulong key = Key(connection.GuestPort, connection.HostPort);
        lock (gate)
        {
            if (connections.TryGetValue(key, out VsockConnection? found) && ReferenceEquals(found, connection))
                connections.Remove(key);
        }
    }

    /// <summary>A host port that no connection to this port of the guest has.</summary>
    internal uint PickHostPort(uint guestPort)
    {
        lock (gate)
        {
            // There are a million times more ports than connections.
            while (true)
            {
                uint port = nextHostPort;
                nextHostPort = port == (FirstHostPort << 1) - 1 ? FirstHostPort : port + 1;
                if (!connections.ContainsKey(Key(guestPort, port))) return port;
            }
        }
    }

    /// <summary>All connections.</summary>
    /// <param name="close">Whether to take no more.</param>
    internal VsockConnection[] List(bool close = false)
    {
        lock (gate)
        {
            closed |= close;
            return [.. connections.Values];
        }
    }

    private static ulong Key(uint guestPort, uint hostPort) => ((ulong)guestPort << 32) | hostPort;
}
