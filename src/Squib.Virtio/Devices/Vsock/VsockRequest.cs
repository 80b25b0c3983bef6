namespace Squib.Virtio.Devices.Vsock;

/// <summary>The guest asks for a connection to a port of the host. One call, to accept or to refuse, is due.</summary>
public sealed class VsockRequest
{
    private VsockConnection? connection;

    internal VsockRequest(VsockConnection connection)
    {
        this.connection = connection;
        GuestPort = connection.GuestPort;
        HostPort = connection.HostPort;
        Type = connection.Type;
    }

    /// <summary>The guest's port.</summary>
    public uint GuestPort { get; }

    /// <summary>The host's port, to which the guest wants to connect.</summary>
    public uint HostPort { get; }

    /// <summary>What the connection is to carry.</summary>
    public VsockSocketType Type { get; }

    /// <summary>Makes the connection.</summary>
    /// <returns>The host's end; if the guest has given up meanwhile, one that says so at the first read.</returns>
    /// <exception cref="InvalidOperationException">The request was answered before.</exception>
    public VsockStream Accept() => new(AcceptConnection());

    /// <summary>Refuses the connection.</summary>
    /// <exception cref="InvalidOperationException">The request was answered before.</exception>
    public void Refuse() => Take().Refuse();

    internal VsockConnection AcceptConnection()
    {
        VsockConnection taken = Take();
        taken.Accept();
        return taken;
    }

    private VsockConnection Take() =>
        Interlocked.Exchange(ref connection, null) ?? throw new InvalidOperationException("The request was answered before.");
}
