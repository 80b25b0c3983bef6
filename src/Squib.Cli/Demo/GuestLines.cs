using System.Text;

namespace Squib.Cli.Demo;

/// <summary>Shows what the guest prints as it comes, and hands on every whole line.</summary>
/// <remarks>The guest ends its lines for a terminal, with CR LF; they are shown with LF alone.</remarks>
/// <param name="output">Where to show it.</param>
/// <param name="onLine">Gets each line without its end.</param>
internal sealed class GuestLines(Stream output, Action<string> onLine) : Stream
{
    private const int MaxLineBytes = 4096;

    private readonly List<byte> line = [];
    private readonly List<byte> shown = [];

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
        shown.Clear();
        foreach (byte value in buffer)
        {
            if (value == '\r') continue;
            shown.Add(value);
            if (value == '\n') EndLine();
            else if (line.Count < MaxLineBytes) line.Add(value);
        }

        output.Write(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(shown));
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush() => output.Flush();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    private void EndLine()
    {
        onLine(Encoding.UTF8.GetString([.. line]));
        line.Clear();
    }
}
