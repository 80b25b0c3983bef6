using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Squib.Virtio.Devices.Vsock;

namespace Squib.Cli.Demo;

/// <summary>Sends 16 MiB to a program of the guest over a socket, and takes them back over another.</summary>
internal sealed class SocketTransfer : IDisposable
{
    /// <summary>The port of the guest on which its program listens; the guest connects to the host's next one.</summary>
    public const uint GuestPort = 5000;

    /// <summary>How much goes each way, in bytes.</summary>
    public const int Bytes = 16 << 20;

    private const int ChunkBytes = 64 << 10;

    private readonly byte[] content = RandomNumberGenerator.GetBytes(Bytes);
    private readonly VsockDevice device;
    private readonly VsockListener listener;
    private readonly CancellationTokenSource ended = new();
    private readonly Task<(TimeSpan Time, long Bytes, byte[] Sum)> received;
    private Task<TimeSpan>? sent;

    /// <summary>Listens for the guest.</summary>
    /// <param name="device">The machine's socket device.</param>
    public SocketTransfer(VsockDevice device)
    {
        this.device = device;
        listener = device.Listen(GuestPort + 1, backlog: 1);
        received = ReceiveAsync();
    }

    /// <summary>The sum of what is sent, as the guest tells it: the first 16 digits of its SHA-256.</summary>
    public string Sum => Shorten(SHA256.HashData(content));

    /// <summary>Begins to send; for the first time that the guest says that it listens.</summary>
    public void Begin() => sent ??= Task.Run(SendAsync);

    /// <summary>Ends what is still under way and says how it went.</summary>
    /// <returns>Whether the bytes that came back are those that were sent, and the figures of both ways.</returns>
    public (bool Ok, string Finding) Finish()
    {
        ended.Cancel();
        if (sent is null) return (false, "the guest asked for nothing");
        try
        {
            TimeSpan there = sent.GetAwaiter().GetResult();
            (TimeSpan back, long bytes, byte[] sum) = received.GetAwaiter().GetResult();
            string figures = $"to the guest {Describe(there)}, to the host {Describe(back)}";
            return bytes == Bytes && Shorten(sum) == Sum
                ? (true, $"{figures}, sums equal")
                : (false, $"{figures}; {bytes} bytes (SHA-256 {Shorten(sum)}) came back, sent were {Bytes} (SHA-256 {Sum})");
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return (false, $"the host's end: {UserErrorException.OneLine(error.Message).TrimEnd('.')}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ended.Cancel();
        listener.Dispose();
        ended.Dispose();
    }

    private async Task<TimeSpan> SendAsync()
    {
        Stopwatch clock = Stopwatch.StartNew();
        await using VsockStream stream = await device.ConnectAsync(GuestPort, cancel: ended.Token);
        for (int at = 0; at < Bytes; at += ChunkBytes) await stream.WriteAsync(content.AsMemory(at, ChunkBytes), ended.Token);
        stream.CompleteWrites();
        // The guest's program has everything when it hangs up.
        byte[] rest = new byte[1];
        while (await stream.ReadAsync(rest, ended.Token) > 0)
        {
        }

        return clock.Elapsed;
    }

    private async Task<(TimeSpan Time, long Bytes, byte[] Sum)> ReceiveAsync()
    {
        await using VsockStream stream = await listener.AcceptAsync(ended.Token);
        Stopwatch clock = Stopwatch.StartNew();
        using IncrementalHash sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] chunk = new byte[ChunkBytes];
        long bytes = 0;
        while (await stream.ReadAsync(chunk, ended.Token) is > 0 and int count)
        {
            sum.AppendData(chunk, 0, count);
            bytes += count;
        }

        return (clock.Elapsed, bytes, sum.GetHashAndReset());
    }

    private static string Describe(TimeSpan time) => string.Create(CultureInfo.InvariantCulture,
        $"{time.TotalSeconds:0.00} s = {(Bytes >> 20) / time.TotalSeconds:0} MiB/s");

    private static string Shorten(byte[] sum) => Convert.ToHexStringLower(sum)[..16];
}
