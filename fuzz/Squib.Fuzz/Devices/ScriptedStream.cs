namespace Squib.Fuzz.Devices;

/// <summary>A stream whose writes end at once, later, or in an error, as a script says.</summary>
internal sealed class ScriptedStream : Stream
{
    private TaskCompletionSource? pending;

    /// <summary>Two bits for each operation, the next one lowest; 0 is done at once.</summary>
    internal uint Answers { get; set; }

    internal long Written { get; private set; }

    internal bool IsPending => pending is not null;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Ends all operations that are under way, and those that follow from that.</summary>
    internal void Finish(bool fails)
    {
        while (pending is { } operation)
        {
            pending = null;
            if (fails) operation.TrySetException(new IOException("The terminal is gone."));
            else operation.TrySetResult();
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Written += buffer.Length;
        return Answer();
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Answer().AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private ValueTask Answer()
    {
        uint answer = Answers & 3;
        Answers >>= 2;
        if (answer == 2) throw new IOException("The terminal is gone.");
        if (answer == 3) return ValueTask.FromException(new IOException("The terminal is full."));
        if (answer == 0 || pending is not null) return ValueTask.CompletedTask;
        pending = new();
        return new(pending.Task);
    }
}
