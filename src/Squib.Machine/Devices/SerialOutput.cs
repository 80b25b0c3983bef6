using Microsoft.Extensions.Logging;

namespace Squib.Machine.Devices;

/// <summary>What the guest prints, on its way to the host: buffered, and watched for a kernel panic.</summary>
/// <remarks>
/// A line goes out when it ends; the rest when <see cref="Flush"/> is called. A stream that fails is not used again:
/// the guest knows nothing of it. A stream that blocks, blocks the sender.
/// </remarks>
/// <param name="stream">Where to; null discards.</param>
/// <param name="logger">Told once when the stream fails.</param>
internal sealed partial class SerialOutput(Stream? stream, ILogger? logger = null)
{
    private readonly Lock gate = new();
    private readonly byte[] buffer = new byte[512];
    private Stream? target = stream;
    private int used;
    private int matched;
    private int usedAtLastLook;
    private volatile bool panicSeen;

    /// <summary>Whether the kernel has said that it panics.</summary>
    public bool PanicSeen => panicSeen;

    private static ReadOnlySpan<byte> PanicText => "Kernel panic - not syncing"u8;

    /// <summary>Takes a byte that the guest has sent.</summary>
    /// <param name="value">The byte.</param>
    public void Write(byte value)
    {
        lock (gate)
        {
            Watch(value);
            buffer[used++] = value;
            if (value == (byte)'\n' || used == buffer.Length) Send();
        }
    }

    /// <summary>
    /// Hands on what is buffered if nothing has come since the last call: a prompt, not a line in the making.
    /// </summary>
    public void FlushSettled()
    {
        int now = Volatile.Read(ref used);
        if (now != 0 && now == usedAtLastLook) Flush();
        usedAtLastLook = now;
    }

    /// <summary>Hands on what is buffered.</summary>
    public void Flush()
    {
        // The sender itself polls this: it sees what it has written, and mostly that is nothing.
        if (Volatile.Read(ref used) == 0) return;
        lock (gate) Send();
    }

    private void Send()
    {
        try
        {
            target?.Write(buffer, 0, used);
            target?.Flush();
        }
        catch (Exception failure)
        {
            target = null;
            if (logger is not null) LogFailure(logger, failure);
        }

        used = 0;
    }

    // The first letter of the text does not come again in it, so a mismatch can only restart at that letter.
    private void Watch(byte value)
    {
        if (value != PanicText[matched]) matched = value == PanicText[0] ? 1 : 0;
        else if (++matched == PanicText.Length)
        {
            panicSeen = true;
            matched = 0;
        }
    }

    [LoggerMessage(3101, LogLevel.Warning, "The serial output failed; what the guest prints is discarded from now on.")]
    private static partial void LogFailure(ILogger logger, Exception failure);
}
