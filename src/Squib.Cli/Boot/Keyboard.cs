namespace Squib.Cli.Boot;

/// <summary>Reads what is typed, on a thread of its own, and hands it to the guest.</summary>
internal static class Keyboard
{
    private const int ChunkBytes = 1024;

    /// <summary>Starts to read; the thread ends with the input, with Ctrl-A x or with the process.</summary>
    /// <param name="input">Standard input.</param>
    /// <param name="toGuest">Gets what goes to the guest; may wait until the guest has room for it.</param>
    /// <param name="showHelp">Called for Ctrl-A h.</param>
    /// <param name="end">Called for Ctrl-A x.</param>
    public static void Start(Stream input, Action<byte[]> toGuest, Action showHelp, Action end)
    {
        Thread reader = new(() => Read(input, toGuest, showHelp, end)) { IsBackground = true, Name = "keyboard" };
        reader.Start();
    }

    private static void Read(Stream input, Action<byte[]> toGuest, Action showHelp, Action end)
    {
        KeyFilter filter = new();
        byte[] chunk = new byte[ChunkBytes];
        List<byte> keys = [];
        try
        {
            for (int length; (length = input.Read(chunk)) > 0;)
            {
                keys.Clear();
                bool ended = filter.Feed(chunk.AsSpan(0, length), keys, showHelp);
                if (keys.Count > 0) toGuest([.. keys]);
                if (!ended) continue;
                end();
                return;
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Without a keyboard the guest runs on.
        }
    }
}
