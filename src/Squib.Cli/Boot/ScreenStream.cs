namespace Squib.Cli.Boot;

/// <summary>
/// The guest's way to standard output: when nobody reads that any more, squib is told and the rest is dropped.
/// </summary>
/// <param name="screen">Standard output.</param>
internal sealed class ScreenStream(Stream screen) : Stream
{
    private volatile bool closed;

    /// <summary>Called once, when the first write fails.</summary>
    public Action? Closed { get; set; }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (closed) return;
        try
        {
            screen.Write(buffer);
        }
        catch (IOException)
        {
            closed = true;
            Closed?.Invoke();
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
        if (!closed) screen.Flush();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
