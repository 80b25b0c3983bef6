namespace Squib.Virtio.Tests.Devices.Console;

/// <summary>A stream that keeps what is written, waits while it is told to, and fails while it is told to.</summary>
internal sealed class TestStream : Stream
{
    private readonly MemoryStream bytes = new();
    private TaskCompletionSource? gate;

    internal bool Fails { get; set; }

    internal bool FlushFails { get; set; }

    internal int Writes { get; private set; }

    internal int Flushes { get; private set; }

    internal string Text => System.Text.Encoding.Latin1.GetString(bytes.ToArray());

    internal byte[] Bytes => bytes.ToArray();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => bytes.Length;

    public override long Position
    {
        get => bytes.Position;
        set => throw new NotSupportedException();
    }

    /// <summary>Makes writes wait.</summary>
    internal void Hold() => gate = new();

    /// <summary>Lets all writes go on.</summary>
    internal void Release()
    {
        TaskCompletionSource? held = gate;
        gate = null;
        held?.SetResult();
    }

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Writes++;
        if (gate is { } held) await held.Task.ConfigureAwait(false);
        if (Fails) throw new IOException("Broken pipe.");
        bytes.Write(buffer.Span);
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Flushes++;
        return FlushFails ? Task.FromException(new IOException("Broken pipe.")) : Task.CompletedTask;
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
