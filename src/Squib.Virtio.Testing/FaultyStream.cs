using Squib.Virtio.Devices.Block;

namespace Squib.Virtio.Testing;

/// <summary>A stream that keeps what is written to it and fails as planned: a console's output, for example.</summary>
public sealed class FaultyStream : Stream
{
    private readonly Lock gate = new();
    private readonly FaultPlan plan;
    private readonly MemoryStream written = new();

    /// <summary>Makes a stream.</summary>
    /// <param name="plan">What goes wrong with its writes.</param>
    public FaultyStream(FaultPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        this.plan = plan;
    }

    /// <summary>The writes that wait.</summary>
    public LateCalls Waiting { get; } = new();

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <summary>The number of bytes written.</summary>
    public override long Length
    {
        get
        {
            lock (gate) return written.Length;
        }
    }

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>What was written.</summary>
    public byte[] ToArray()
    {
        lock (gate) return written.ToArray();
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        HostFault fault = plan.Next();
        if (FaultPlan.ToException(fault) is { } failure) throw failure;
        if (fault is HostFault.Late or HostFault.Twice)
        {
            await Waiting.Add("write", () => Keep(buffer.Span)).Task.ConfigureAwait(false);
            return;
        }

        if (fault == HostFault.NoProgress) return;
        Keep(fault is HostFault.Short or HostFault.FailsHalfway ? buffer.Span[..(buffer.Length / 2)] : buffer.Span);
        if (fault == HostFault.FailsHalfway) throw FaultPlan.ToException(HostFault.IoError)!;
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Keep(buffer.AsSpan(offset, count));

    /// <summary>Does nothing: nothing is kept back.</summary>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Not supported.</summary>
    /// <param name="buffer">Not looked at.</param>
    /// <param name="offset">Not looked at.</param>
    /// <param name="count">Not looked at.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="offset">Not looked at.</param>
    /// <param name="origin">Not looked at.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="value">Not looked at.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw new NotSupportedException();

    private BlockStatus Keep(ReadOnlySpan<byte> bytes)
    {
        lock (gate) written.Write(bytes);
        return BlockStatus.Ok;
    }
}
