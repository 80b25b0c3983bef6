using System.IO.Pipelines;
using System.Text;

namespace Squib.Cli.Demo;

/// <summary>The far end of the demo's virtio console: it answers each line of the guest's with a line.</summary>
internal sealed class AnsweringConsole
{
    private readonly Pipe answers = new();
    private Task flushed = Task.CompletedTask;

    /// <summary>Creates the two streams.</summary>
    public AnsweringConsole()
    {
        FromGuest = new GuestLines(Stream.Null, Answer);
        ToGuest = answers.Reader.AsStream();
    }

    /// <summary>What the guest writes goes in here.</summary>
    public Stream FromGuest { get; }

    /// <summary>What the guest is to read comes out here.</summary>
    public Stream ToGuest { get; }

    /// <summary>The line that answers a line.</summary>
    /// <param name="line">What the guest wrote.</param>
    public static string AnswerTo(string line) => $"the host read {line.Length} characters";

    private void Answer(string line)
    {
        // Whoever writes without reading gets no more answers than the pipe takes.
        if (!flushed.IsCompleted) return;
        Encoding.UTF8.GetBytes(AnswerTo(line) + "\n", answers.Writer);
        flushed = answers.Writer.FlushAsync().AsTask();
    }
}
