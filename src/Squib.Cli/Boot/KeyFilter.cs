namespace Squib.Cli.Boot;

/// <summary>Finds the keys that are meant for squib among those that go to the guest.</summary>
/// <remarks>
/// Ctrl-A begins such a key: x ends, h shows help, a second Ctrl-A or a sends one Ctrl-A. Others go on with it.
/// </remarks>
internal sealed class KeyFilter
{
    private const byte CtrlA = 1;

    private bool escaped;

    /// <summary>The text of Ctrl-A h; each line ends as a terminal in raw mode needs it.</summary>
    public const string Help =
        "\r\nCtrl-A x  end the machine\r\nCtrl-A a  send Ctrl-A to the guest\r\nCtrl-A h  this help\r\n";

    /// <summary>Looks at what was typed.</summary>
    /// <param name="typed">The keys.</param>
    /// <param name="toGuest">Gets what goes to the guest, appended.</param>
    /// <param name="showHelp">Called where help is asked for.</param>
    /// <returns>Whether the user wants to end; the keys after that are ignored.</returns>
    public bool Feed(ReadOnlySpan<byte> typed, List<byte> toGuest, Action showHelp)
    {
        foreach (byte key in typed)
        {
            if (!escaped)
            {
                if (key == CtrlA) escaped = true;
                else toGuest.Add(key);
                continue;
            }

            escaped = false;
            switch (key)
            {
                case (byte)'x' or (byte)'X':
                    return true;
                case (byte)'h' or (byte)'H' or (byte)'?':
                    showHelp();
                    break;
                case (byte)'a' or (byte)'A' or CtrlA:
                    toGuest.Add(CtrlA);
                    break;
                default:
                    toGuest.Add(CtrlA);
                    toGuest.Add(key);
                    break;
            }
        }

        return false;
    }
}
