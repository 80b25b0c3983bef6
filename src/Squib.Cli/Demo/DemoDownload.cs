using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Squib.Cli.Demo;

/// <summary>Serves one file to the guest over HTTP, on this host's loopback address, which passt shows as the guest's gateway.</summary>
internal sealed class DemoDownload : IDisposable
{
    private const int Bytes = 1 << 20;

    private readonly byte[] content = RandomNumberGenerator.GetBytes(Bytes);
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    /// <summary>Begins to serve.</summary>
    public DemoDownload()
    {
        listener.Start();
        _ = ServeAsync();
    }

    /// <summary>The TCP port.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>The sum of the file as the guest tells it: the first 16 digits of its SHA-256.</summary>
    public string Sum => Convert.ToHexStringLower(SHA256.HashData(content))[..16];

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                await AnswerAsync(client);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
        {
            // The demo has ended, or the guest: either way nobody waits for the file any more.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using NetworkStream stream = client.GetStream();
        using StreamReader request = new(stream, Encoding.ASCII, leaveOpen: true);
        while (await request.ReadLineAsync() is { Length: > 0 })
        {
        }

        string head = $"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {content.Length}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(content);
    }
}
