namespace Squib.Virtio.Devices.Vsock;

/// <summary>The host's end of a connection to a port of the guest.</summary>
/// <remarks>
/// One read and one write may be under way at a time. A write is done when the guest's buffers hold all of its bytes, and reading
/// gives the guest credit to send more: a side that does not read holds the other one back. On a connection of messages (sequenced
/// packets) a read never goes beyond the end of a message, and <see cref="WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
/// sends one message. Dispose of every stream: until then it counts as one of the device's connections.
/// </remarks>
public sealed class VsockStream : Stream
{
    private readonly VsockConnection connection;

    internal VsockStream(VsockConnection connection) => this.connection = connection;

    /// <summary>The guest's port.</summary>
    public uint GuestPort => connection.GuestPort;

    /// <summary>The host's port.</summary>
    public uint HostPort => connection.HostPort;

    /// <summary>What the connection carries.</summary>
    public VsockSocketType Type => connection.Type;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    internal VsockConnection Connection => connection;

    /// <summary>Reads what has come, or waits for something; into no bytes: only waits.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The number of bytes; 0 when the guest sends no more.</returns>
    /// <exception cref="IOException">The connection was reset.</exception>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<int>(cancellationToken);
        VsockPending? pending = connection.Read(buffer, cancellationToken, out VsockOutcome outcome);
        if (pending is not null) return new(pending, pending.Version);
        return outcome.Status is VsockStatus.Ok or VsockStatus.End
            ? new(outcome.Count)
            : ValueTask.FromException<int>(VsockOutcome.ToException(outcome.Status));
    }

    /// <summary>Reads as <see cref="ReadAsync(Memory{byte}, CancellationToken)"/> does and tells where messages end.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <returns>The number of bytes, and whether a message ends with them.</returns>
    /// <exception cref="IOException">The connection was reset.</exception>
    public ValueTask<VsockReceived> ReceiveAsync(Memory<byte> buffer, CancellationToken cancel = default)
    {
        if (cancel.IsCancellationRequested) return ValueTask.FromCanceled<VsockReceived>(cancel);
        VsockPending? pending = connection.Read(buffer, cancel, out VsockOutcome outcome);
        if (pending is not null) return new(pending, pending.Version);
        return outcome.Status is VsockStatus.Ok or VsockStatus.End
            ? new(outcome.ToReceived())
            : ValueTask.FromException<VsockReceived>(VsockOutcome.ToException(outcome.Status));
    }

    /// <summary>Writes bytes, or one message.</summary>
    /// <param name="buffer">The bytes, not to be changed until the task is done.</param>
    /// <param name="cancellationToken">
    /// Gives up waiting; some of the bytes may be with the guest. Half a message would spoil the next: such a connection is reset.
    /// </param>
    /// <returns>Done when the guest's buffers hold them all.</returns>
    /// <exception cref="IOException">The connection was reset, or the guest does not receive any more.</exception>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        SendAsync(buffer, endOfMessage: true, endOfRecord: false, cancellationToken);

    /// <summary>Writes bytes of a message; on a stream the ends of messages mean nothing.</summary>
    /// <param name="buffer">The bytes, not to be changed until the task is done.</param>
    /// <param name="endOfMessage">Whether the message ends with them.</param>
    /// <param name="endOfRecord">Whether the guest is told that it also ends a record.</param>
    /// <param name="cancel">Gives up waiting.</param>
    /// <returns>Done when the guest's buffers hold them all.</returns>
    /// <exception cref="IOException">
    /// The connection was reset, the guest does not receive any more, or the message is longer than the guest's buffer.
    /// </exception>
    public ValueTask SendAsync(
        ReadOnlyMemory<byte> buffer, bool endOfMessage, bool endOfRecord = false, CancellationToken cancel = default)
    {
        if (cancel.IsCancellationRequested) return ValueTask.FromCanceled(cancel);
        VsockPending? pending = connection.Write(buffer, Flags(endOfMessage, endOfRecord), cancel, out VsockOutcome outcome);
        if (pending is not null) return new(pending, pending.Version);
        return outcome.Status == VsockStatus.Ok
            ? ValueTask.CompletedTask
            : ValueTask.FromException(VsockOutcome.ToException(outcome.Status));
    }

    /// <summary>Tells the guest that the host sends no more; reading goes on.</summary>
    public void CompleteWrites() => connection.CompleteWrites();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Wait(ReadAsync(buffer.AsMemory(offset, count)));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count)
    {
        ValueTask write = WriteAsync(buffer.AsMemory(offset, count));
        if (write.IsCompleted) write.GetAwaiter().GetResult();
        else write.AsTask().GetAwaiter().GetResult();
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Does nothing: nothing is kept back.</summary>
    public override void Flush()
    {
    }

    /// <summary>Does nothing: nothing is kept back.</summary>
    /// <param name="cancellationToken">Not looked at.</param>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Not supported.</summary>
    /// <param name="offset">Not looked at.</param>
    /// <param name="origin">Not looked at.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="value">Not looked at.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Ends the connection: the guest is told that the host neither sends nor receives any more.</summary>
    /// <param name="disposing">Whether it was called, and not by the garbage collector.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing) connection.Dispose();
        base.Dispose(disposing);
    }

    private static int Wait(ValueTask<int> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : task.AsTask().GetAwaiter().GetResult();

    private uint Flags(bool endOfMessage, bool endOfRecord) =>
        Type != VsockSocketType.SeqPacket || !(endOfMessage || endOfRecord) ? 0
        : endOfRecord ? VsockPacket.EndOfMessage | VsockPacket.EndOfRecord : VsockPacket.EndOfMessage;
}
