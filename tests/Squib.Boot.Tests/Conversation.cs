using System.Collections.Concurrent;
using System.Text;

namespace Squib.Boot.Tests;

/// <summary>Types what a script says, each line when the guest has printed what the script waits for.</summary>
/// <param name="script">Pairs of a text to wait for and what to type then.</param>
internal sealed class Conversation(params IEnumerable<(string WaitFor, string Type)> script) : IDisposable
{
    private readonly Queue<(string WaitFor, string Type)> steps = new(script);
    private readonly BlockingCollection<byte[]> typed = [];
    private readonly StringBuilder printed = new();
    private readonly Lock gate = new();
    private int seen;

    public Stream Keyboard => new Keys(typed);

    public Stream Screen => new Printed(this);

    public string Output
    {
        get
        {
            lock (gate) return printed.ToString();
        }
    }

    public void Dispose() => typed.Dispose();

    private void Print(ReadOnlySpan<byte> bytes)
    {
        lock (gate)
        {
            printed.Append(Encoding.UTF8.GetString(bytes));
            while (steps.TryPeek(out (string WaitFor, string Type) step))
            {
                int at = printed.ToString().IndexOf(step.WaitFor, seen, StringComparison.Ordinal);
                if (at < 0) return;
                seen = at + step.WaitFor.Length;
                steps.Dequeue();
                typed.Add(Encoding.UTF8.GetBytes(step.Type));
            }
        }
    }

    private sealed class Keys(BlockingCollection<byte[]> typed) : MemoryStream
    {
        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            if (!typed.TryTake(out byte[]? next, Timeout.Infinite)) return 0;
            next.CopyTo(buffer);
            return next.Length;
        }
    }

    private sealed class Printed(Conversation conversation) : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => conversation.Print(buffer);
    }
}
