using System.Net.Sockets;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>What became of a read or a write.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Count">The number of bytes.</param>
/// <param name="EndOfMessage">Whether a message ends with these bytes.</param>
/// <param name="EndOfRecord">Whether a record ends with these bytes.</param>
internal readonly record struct VsockOutcome(
    VsockStatus Status, int Count = 0, bool EndOfMessage = false, bool EndOfRecord = false)
{
    /// <summary>The number of bytes; none at the end.</summary>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up waiting.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed of.</exception>
    internal int ToCount() => Status is VsockStatus.Ok or VsockStatus.End ? Count : throw ToException(Status);

    /// <summary>The received bytes; none at the end.</summary>
    /// <exception cref="IOException">The connection failed.</exception>
    internal VsockReceived ToReceived() => new(ToCount(), EndOfMessage, EndOfRecord);

    /// <summary>The exception that says how an operation failed.</summary>
    internal static Exception ToException(VsockStatus status) => status switch
    {
        VsockStatus.Cancelled => new OperationCanceledException(),
        VsockStatus.Disposed => new ObjectDisposedException(nameof(VsockStream)),
        VsockStatus.Broken => Failure("The guest does not receive any more.", SocketError.Shutdown),
        VsockStatus.Reset => Failure("The connection was reset.", SocketError.ConnectionReset),
        VsockStatus.TimedOut => Failure("The guest did not answer in time.", SocketError.TimedOut),
        VsockStatus.Refused => Failure("The guest refused the connection.", SocketError.ConnectionRefused),
        VsockStatus.TooMany => Failure("The device has as many connections as it can have.", SocketError.TooManyOpenSockets),
        VsockStatus.NotRunning => Failure("No driver of a guest serves the device.", SocketError.NetworkDown),
        VsockStatus.Unsupported => Failure("The guest's driver has no such sockets.", SocketError.SocketNotSupported),
        VsockStatus.TooLong => Failure("The message is longer than the guest's buffer.", SocketError.MessageSize),
        _ => new InvalidOperationException($"{status} is no failure."),
    };

    private static IOException Failure(string message, SocketError error) => new(message, new SocketException((int)error));
}
