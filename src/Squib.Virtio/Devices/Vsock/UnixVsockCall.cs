using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Squib.Virtio.Devices.Vsock;

/// <summary>The first words between a program of the host and the backend: <c>CONNECT port\n</c>, answered by <c>OK port\n</c>.</summary>
internal sealed class UnixVsockCall(Socket caller)
{
    // "CONNECT 4294967295\n" with room to spare: who sends more without a line's end means something else.
    private const int MaxLineBytes = 32;

    private readonly byte[] line = new byte[MaxLineBytes];
    private int count;
    private int lineEnd;

    /// <summary>What the program has sent behind the line already: the first bytes for the guest.</summary>
    internal ReadOnlyMemory<byte> Rest => line.AsMemory(lineEnd..count);

    /// <summary>Reads the line.</summary>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The port of the guest, or null: it is no such line.</returns>
    /// <exception cref="SocketException">The socket failed.</exception>
    internal async Task<uint?> ReadPortAsync(CancellationToken cancel)
    {
        while (count < MaxLineBytes)
        {
            int read = await caller.ReceiveAsync(line.AsMemory(count), SocketFlags.None, cancel).ConfigureAwait(false);
            if (read == 0) return null;
            int end = line.AsSpan(count, read).IndexOf((byte)'\n');
            count += read;
            if (end < 0) continue;
            lineEnd = count - read + end + 1;
            return ParsePort(Encoding.ASCII.GetString(line, 0, lineEnd));
        }

        return null;
    }

    /// <summary>Tells the program that the guest has taken the connection.</summary>
    /// <param name="hostPort">The port of the host that the guest sees.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SocketException">The socket failed.</exception>
    internal async Task ConfirmAsync(uint hostPort, CancellationToken cancel)
    {
        ReadOnlyMemory<byte> left = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"OK {hostPort}\n"));
        while (!left.IsEmpty) left = left[await caller.SendAsync(left, SocketFlags.None, cancel).ConfigureAwait(false)..];
    }

    /// <summary>Reads <c>CONNECT port</c>; the word in any case, white space of any length.</summary>
    internal static uint? ParsePort(string text)
    {
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        bool isCall = words.Length >= 2 && words[0].Equals("connect", StringComparison.OrdinalIgnoreCase);
        return isCall && uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint port) ? port : null;
    }
}
