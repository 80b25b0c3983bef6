namespace Squib.Virtio.Devices.Vsock;

/// <summary>What a read of a connection gave.</summary>
/// <param name="Count">The number of bytes; 0 without <paramref name="EndOfMessage"/> means that the guest sends no more.</param>
/// <param name="EndOfMessage">Whether a message ends with these bytes (sequenced packet sockets).</param>
/// <param name="EndOfRecord">Whether the guest marked that message as the end of a record.</param>
public readonly record struct VsockReceived(int Count, bool EndOfMessage, bool EndOfRecord);
