using System.Text;
using Squib.Virtio.Devices.Console;

namespace Squib.Cli.Demo;

/// <summary>The far end of the demo's virtio console: it answers each line of the guest's with a line.</summary>
internal sealed class AnsweringConsole
{
    private Task answered = Task.CompletedTask;

    /// <summary>Creates the console's far end.</summary>
    public AnsweringConsole() => FromGuest = new GuestLines(Stream.Null, Answer);

    /// <summary>What the guest writes goes in here.</summary>
    public Stream FromGuest { get; }

    /// <summary>The console that the answers go to; nothing is answered before it is set.</summary>
    public ConsoleDevice? Console { get; set; }

    /// <summary>The line that answers a line.</summary>
    /// <param name="line">What the guest wrote.</param>
    public static string AnswerTo(string line) => $"the host read {line.Length} characters";

    private void Answer(string line)
    {
        // Whoever writes without reading gets no more answers than the console has room for.
        if (Console is null || !answered.IsCompleted) return;
        answered = Console.WriteInputAsync(Encoding.UTF8.GetBytes(AnswerTo(line) + "\n")).AsTask();
    }
}
