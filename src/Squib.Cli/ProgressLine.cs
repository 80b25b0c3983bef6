using System.Globalization;

namespace Squib.Cli;

/// <summary>
/// Says how far a long step is: one line that is rewritten on a terminal, one line per step elsewhere.
/// </summary>
/// <param name="output">Where to.</param>
/// <param name="rewrite">Whether a carriage return goes back to the start of the line there.</param>
internal sealed class ProgressLine(TextWriter output, bool rewrite)
{
    private string step = "";
    private string shown = "";

    /// <summary>Shows a step.</summary>
    /// <param name="text">What is being done.</param>
    /// <param name="share">How much of it is done, 0 to 1, or null where nobody knows.</param>
    public void Show(string text, double? share = null)
    {
        if (!rewrite)
        {
            if (step != text) output.WriteLine($"squib: {text}");
            step = text;
            return;
        }

        string percent = share is { } known ? known.ToString(" 0%", CultureInfo.InvariantCulture) : "";
        string line = $"squib: {text}{percent}";
        if (line == shown) return;
        output.Write("\r" + line.PadRight(shown.Length));
        output.Flush();
        shown = line;
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (shown.Length > 0) output.Write("\r" + new string(' ', shown.Length) + "\r");
        output.Flush();
        shown = step = "";
    }
}
