using System.Buffers;
using System.Net.Sockets;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>A connection of the guest joined to a socket of the host: two loops without a thread, and no buffer while idle.</summary>
internal sealed class UnixVsockLink
{
    private const int StreamBytes = 65_536;

    // Larger than any message that the kernel lets through a Unix socket unless it is set up for more.
    private const int MessageBytes = 1 << 18;

    private readonly Socket socket;
    private readonly VsockConnection connection;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool messages;
    private ReadOnlyMemory<byte> first;

    /// <param name="socket">The socket, connected; the link disposes of it.</param>
    /// <param name="connection">The connection; the link disposes of it.</param>
    /// <param name="first">Bytes for the guest that have been read from the socket already.</param>
    internal UnixVsockLink(Socket socket, VsockConnection connection, ReadOnlyMemory<byte> first)
    {
        this.socket = socket;
        this.connection = connection;
        this.first = first;
        messages = connection.Type == VsockSocketType.SeqPacket;
    }

    /// <summary>Done when the link has ended.</summary>
    internal Task Ended => ended.Task;

    /// <summary>Moves bytes until both sides are done.</summary>
    internal async Task RunAsync()
    {
        Task toHost = messages ? MessagesToHostAsync() : ToHostAsync();
        Task toGuest = ToGuestAsync();
        Task deaf = StopReceivingAsync();
        await Task.WhenAll(toHost, toGuest).ConfigureAwait(false);
        socket.Dispose();
        connection.Dispose();
        ended.SetResult();
        GC.KeepAlive(deaf);
    }

    /// <summary>Ends both loops.</summary>
    internal void Abort()
    {
        socket.Dispose();
        connection.Dispose();
    }

    // --- from the guest to the host ---------------------------------------------------------------------------------------------

    private async Task ToHostAsync()
    {
        try
        {
            while ((await ReadAsync(Memory<byte>.Empty).ConfigureAwait(false)).Status == VsockStatus.Ok)
            {
                // The bytes stay where the guest's packet was copied to until the socket has them.
                ReadOnlyMemory<byte> piece = connection.Peek();
                int sent = 0;
                try
                {
                    sent = await socket.SendAsync(piece, SocketFlags.None).ConfigureAwait(false);
                }
                finally
                {
                    connection.Advance(sent);
                }
            }

            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The host's program is gone: so is the connection.
            Abort();
        }
    }

    private async Task MessagesToHostAsync()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(MessageBytes);
        try
        {
            while (await ReadMessageAsync(buffer).ConfigureAwait(false) is >= 0 and int length)
                await socket.SendAsync(buffer.AsMemory(0, length), SocketFlags.None).ConfigureAwait(false);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Abort();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads to the end of a message.</summary>
    /// <returns>Its length, or -1: there are no more.</returns>
    private async ValueTask<int> ReadMessageAsync(Memory<byte> buffer)
    {
        int length = 0;
        while (length < buffer.Length)
        {
            VsockOutcome outcome = await ReadAsync(buffer[length..]).ConfigureAwait(false);
            if (outcome.Status != VsockStatus.Ok) return -1;
            length += outcome.Count;
            if (outcome.EndOfMessage) return length;
        }

        // Longer than any socket would take.
        Abort();
        return -1;
    }

    private ValueTask<VsockOutcome> ReadAsync(Memory<byte> buffer)
    {
        VsockPending? pending = connection.Read(buffer, CancellationToken.None, out VsockOutcome outcome);
        return pending is null ? new(outcome) : new(pending, pending.Version);
    }

    // --- from the host to the guest ---------------------------------------------------------------------------------------------

    private async Task ToGuestAsync()
    {
        try
        {
            bool open = first.IsEmpty || await WriteAsync(first).ConfigureAwait(false);
            first = default;
            while (open)
            {
                // Without a buffer until there is something for it.
                await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None).ConfigureAwait(false);
                open = await MoveAsync().ConfigureAwait(false);
            }

            if (!messages && IsGone()) Abort();
            else connection.CompleteWrites();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            Abort();
        }
    }

    /// <summary>Moves what there is at the socket.</summary>
    /// <returns>False: no more will come, or the guest takes no more.</returns>
    private async ValueTask<bool> MoveAsync()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(messages ? MessageBytes : StreamBytes);
        try
        {
            int read = await socket.ReceiveAsync(buffer.AsMemory(), SocketFlags.None).ConfigureAwait(false);
            return read > 0 && await WriteAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        uint flags = messages ? VsockPacket.EndOfMessage : 0;
        VsockPending? pending = connection.Write(bytes, flags, CancellationToken.None, out VsockOutcome outcome);
        if (pending is not null) outcome = await new ValueTask<VsockOutcome>(pending, pending.Version).ConfigureAwait(false);
        // Half a message or none at all: what cannot be delivered is not passed over in silence.
        if (outcome.Status == VsockStatus.TooLong) Abort();
        return outcome.Status == VsockStatus.Ok;
    }

    /// <summary>Whether the program has closed its socket, and not only its sending side: then it will never read an answer.</summary>
    private bool IsGone()
    {
        try
        {
            socket.Send(ReadOnlySpan<byte>.Empty);
            return false;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode is not SocketError.WouldBlock;
        }
    }

    private async Task StopReceivingAsync()
    {
        await connection.GuestStoppedReceiving.ConfigureAwait(false);
        try
        {
            // Wakes the loop that waits for the host's program, whose next write fails.
            socket.Shutdown(SocketShutdown.Receive);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It is gone already.
        }
    }
}
