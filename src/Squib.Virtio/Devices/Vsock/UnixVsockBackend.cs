using System.Net.Sockets;
using System.Text;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>Joins a socket device to Unix sockets of the host, in the way of Firecracker.</summary>
/// <remarks>
/// <para>
/// A program of the host connects to the path, sends <c>CONNECT port\n</c>, and when the guest has taken the connection gets
/// <c>OK assigned-host-port\n</c>; from then on it speaks with the guest. If the guest does not take it, the socket is closed.
/// </para>
/// <para>
/// A connection of the guest to port P of the host goes to whoever listens at the path with <c>_P</c> appended: a stream socket
/// for streams, a sequenced packet socket for sequenced packets. If nobody does, the guest is refused.
/// </para>
/// </remarks>
public sealed class UnixVsockBackend : IVsockBackend, IAsyncDisposable
{
    /// <summary>The longest path in bytes: <c>sun_path</c> without its last zero and a port of ten digits.</summary>
    public const int MaxPathBytes = 96;

    private const int Backlog = 128;

    // The most programs that have connected and not yet said to which port.
    private const int MaxCallers = 256;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly VsockDevice device;
    private readonly Socket listener;
    private readonly CancellationTokenSource ending = new();
    private readonly SemaphoreSlim callers = new(MaxCallers, MaxCallers);
    private readonly Lock gate = new();
    private readonly HashSet<UnixVsockLink> links = [];
    private readonly Task accepting;

    private UnixVsockBackend(VsockDevice device, string path, Socket listener)
    {
        this.device = device;
        this.listener = listener;
        Path = path;
        accepting = AcceptAsync();
    }

    /// <summary>The path at which programs of the host connect.</summary>
    public string Path { get; }

    /// <summary>Listens at a path and becomes the backend of a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="path">The path; a socket that nobody listens on any more is replaced.</param>
    /// <exception cref="ArgumentException">The path is too long.</exception>
    /// <exception cref="IOException">There is something else at the path, or it cannot be made.</exception>
    public static UnixVsockBackend Open(VsockDevice device, string path)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
            throw new ArgumentException($"The path of a vsock's Unix socket has {MaxPathBytes} bytes at most.", nameof(path));
        RemoveStale(path);
        Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen(Backlog);
        }
        catch (SocketException error)
        {
            listener.Dispose();
            throw new IOException($"{path} cannot be listened on: {error.Message}.", error);
        }

        UnixVsockBackend backend = new(device, path, listener);
        device.Backend = backend;
        return backend;
    }

    /// <inheritdoc/>
    public void Connect(VsockRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        string path = $"{Path}_{request.HostPort}";
        // A guest that knocks at ports where nobody is costs a look, not a socket and an exception.
        if (!File.Exists(path)) request.Refuse();
        else _ = ConnectAsync(request, path);
    }

    /// <summary>Ends all connections, and no program can connect any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (ReferenceEquals(device.Backend, this)) device.Backend = null;
        await ending.CancelAsync().ConfigureAwait(false);
        listener.Dispose();
        await accepting.ConfigureAwait(false);
        File.Delete(Path);
        UnixVsockLink[] open;
        lock (gate) open = [.. links];
        foreach (UnixVsockLink link in open) link.Abort();
        await Task.WhenAll(open.Select(link => link.Ended)).ConfigureAwait(false);
    }

    // --- from the host to the guest ---------------------------------------------------------------------------------------------

    private async Task AcceptAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                await callers.WaitAsync(ending.Token).ConfigureAwait(false);
                Socket caller = await listener.AcceptAsync(ending.Token).ConfigureAwait(false);
                _ = ServeAsync(caller);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // The host has no file handles left, perhaps: others wait in the backlog until it has some again.
                callers.Release();
                await PauseAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(RetryAfter, device.Time, ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It is over.
        }
    }

    private async Task ServeAsync(Socket caller)
    {
        VsockConnection? connection = null;
        UnixVsockCall call = new(caller);
        try
        {
            if (await call.ReadPortAsync(ending.Token).ConfigureAwait(false) is { } port)
                (connection, _) = await device.TryConnectAsync(port, VsockSocketType.Stream, ending.Token).ConfigureAwait(false);
            if (connection is not null) await call.ConfirmAsync(connection.HostPort, ending.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            connection?.Dispose();
            connection = null;
        }

        callers.Release();
        if (connection is null) caller.Dispose();
        else Run(new(caller, connection, call.Rest));
    }

    // --- from the guest to the host ---------------------------------------------------------------------------------------------

    private async Task ConnectAsync(VsockRequest request, string path)
    {
        SocketType type = request.Type == VsockSocketType.Stream ? SocketType.Stream : SocketType.Seqpacket;
        Socket socket;
        try
        {
            socket = new(AddressFamily.Unix, type, ProtocolType.Unspecified);
        }
        catch (SocketException)
        {
            request.Refuse();
            return;
        }

        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ending.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            request.Refuse();
            return;
        }

        Run(new(socket, request.AcceptConnection(), default));
    }

    // --- both -------------------------------------------------------------------------------------------------------------------

    private void Run(UnixVsockLink link)
    {
        lock (gate) links.Add(link);
        _ = RunAsync(link);
    }

    private async Task RunAsync(UnixVsockLink link)
    {
        // Whoever ends the backend either finds the link in the list, or is seen here.
        if (ending.IsCancellationRequested) link.Abort();
        await link.RunAsync().ConfigureAwait(false);
        lock (gate) links.Remove(link);
    }

    /// <summary>Removes a socket on which nobody listens any more, as a process leaves it that was killed.</summary>
    private static void RemoveStale(string path)
    {
        if (!File.Exists(path)) return;
        using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused && IsSocket(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            // Something else is there: binding says what is wrong.
            return;
        }

        throw new IOException($"{path} cannot be listened on: another program listens there.");
    }

    /// <summary>Whether it is a socket. A regular file refuses a connection too, but it can be opened.</summary>
    private static bool IsSocket(string path)
    {
        try
        {
            File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite).Dispose();
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
