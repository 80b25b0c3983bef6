using System.Threading.Channels;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>Takes the connections that the guest makes to one port of the host.</summary>
public sealed class VsockListener : IVsockBackend, IDisposable
{
    private readonly VsockDevice device;
    private readonly int backlog;
    private readonly Channel<VsockStream> accepted = Channel.CreateUnbounded<VsockStream>();
    private int waiting;

    internal VsockListener(VsockDevice device, uint port, VsockSocketType type, int backlog)
    {
        this.device = device;
        Port = port;
        Type = type;
        this.backlog = backlog;
    }

    /// <summary>The port of the host.</summary>
    public uint Port { get; }

    /// <summary>What its connections carry; requests for anything else are refused.</summary>
    public VsockSocketType Type { get; }

    /// <summary>Waits for the next connection of the guest.</summary>
    /// <param name="cancel">Gives up waiting.</param>
    /// <exception cref="ObjectDisposedException">The listener was disposed of.</exception>
    public async ValueTask<VsockStream> AcceptAsync(CancellationToken cancel = default)
    {
        try
        {
            VsockStream stream = await accepted.Reader.ReadAsync(cancel).ConfigureAwait(false);
            Interlocked.Decrement(ref waiting);
            return stream;
        }
        catch (ChannelClosedException)
        {
            throw new ObjectDisposedException(nameof(VsockListener));
        }
    }

    /// <inheritdoc/>
    public void Connect(VsockRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Type != Type || Interlocked.Increment(ref waiting) > backlog)
        {
            if (request.Type == Type) Interlocked.Decrement(ref waiting);
            request.Refuse();
            return;
        }

        VsockStream stream = request.Accept();
        if (!accepted.Writer.TryWrite(stream)) stream.Dispose();
    }

    /// <summary>Takes no more connections; those that nobody has accepted yet are ended.</summary>
    public void Dispose()
    {
        device.Remove(this);
        accepted.Writer.TryComplete();
        while (accepted.Reader.TryRead(out VsockStream? stream)) stream.Dispose();
    }
}
