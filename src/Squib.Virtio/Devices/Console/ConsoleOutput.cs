using Squib.Virtio.Queues;

namespace Squib.Virtio.Devices.Console;

/// <summary>
/// Bytes on their way from the guest to a stream: bounded, in order, written by one pump that runs while there are any.
/// </summary>
internal sealed class ConsoleOutput
{
    /// <summary>
    /// How long a stream that failed is left alone; an exception per byte would be the guest's to cause.
    /// </summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Stream stream;
    private readonly TimeProvider time;
    private readonly ByteRing ring;
    private readonly Lock gate = new();
    private TaskCompletionSource? drained;
    private bool pumping;
    private bool failed;
    private Exception? error;
    private long failedAt;
    private long written;
    private long dropped;

    internal ConsoleOutput(Stream stream, int capacity, TimeProvider time)
    {
        this.stream = stream;
        this.time = time;
        ring = new(capacity);
    }

    /// <summary>Rings when there is room again, for one waiter.</summary>
    internal Doorbell Room { get; } = new(inline: true);

    /// <summary>The number of bytes that the stream has taken.</summary>
    internal long Written => Volatile.Read(ref written);

    /// <summary>Why the stream has failed, once for each failure; null: it has not.</summary>
    internal Exception? TakeFailure() => Volatile.Read(ref error) is null ? null : Interlocked.Exchange(ref error, null);

    /// <summary>The number of bytes that were lost because the stream failed.</summary>
    internal long Dropped => Volatile.Read(ref dropped);

    /// <summary>Takes as many bytes as there is room for; they are written after <see cref="Start"/>.</summary>
    /// <returns>The number of bytes taken.</returns>
    internal int Write(ReadOnlySpan<byte> source)
    {
        int taken = ring.Write(source);
        if (taken > 0) return taken;
        // Full: perhaps the stream takes bytes at once.
        Start();
        return ring.Write(source);
    }

    /// <summary>Sees to it that what was taken is written.</summary>
    internal void Start()
    {
        lock (gate)
        {
            if (pumping || ring.IsEmpty) return;
            pumping = true;
        }

        // Runs on this thread as far as the stream is done at once.
        _ = PumpAsync();
    }

    /// <summary>Waits until all bytes so far are with the stream.</summary>
    internal Task DrainAsync()
    {
        lock (gate)
        {
            if (!pumping && ring.IsEmpty) return Task.CompletedTask;
            drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return drained.Task;
        }
    }

    private async Task PumpAsync()
    {
        while (!TryStop())
        {
            ReadOnlyMemory<byte> piece = ring.Peek();
            bool done = await TryWriteAsync(piece).ConfigureAwait(false);
            if (done) Interlocked.Add(ref written, piece.Length);
            else Interlocked.Add(ref dropped, piece.Length);
            ring.Advance(piece.Length);
            if (done && ring.IsEmpty) await TryFlushAsync().ConfigureAwait(false);
            Room.Ring();
        }
    }

    private bool TryStop()
    {
        TaskCompletionSource? waiting;
        lock (gate)
        {
            if (!ring.IsEmpty) return false;
            pumping = false;
            waiting = drained;
            drained = null;
        }

        waiting?.SetResult();
        return true;
    }

    private async ValueTask<bool> TryWriteAsync(ReadOnlyMemory<byte> piece)
    {
        if (failed && time.GetElapsedTime(failedAt) < RetryAfter) return false;
        try
        {
            await stream.WriteAsync(piece, CancellationToken.None).ConfigureAwait(false);
            failed = false;
            return true;
        }
        catch (Exception thrown)
        {
            Fail(thrown);
            return false;
        }
    }

    private async ValueTask TryFlushAsync()
    {
        try
        {
            await stream.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            Fail(thrown);
        }
    }

    /// <summary>A stream that fails costs its bytes; the guest goes on.</summary>
    private void Fail(Exception thrown)
    {
        Volatile.Write(ref error, thrown);
        failed = true;
        failedAt = time.GetTimestamp();
    }
}
