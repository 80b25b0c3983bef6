using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Squib.Cli.Demo;

/// <summary>Serves the file to the guest over HTTP, on this host's loopback address, which passt shows as the guest's gateway.</summary>
internal sealed class DemoDownload : IDisposable
{
    private readonly DemoFile file;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    /// <summary>Begins to serve.</summary>
    /// <param name="file">What.</param>
    public DemoDownload(DemoFile file)
    {
        this.file = file;
        listener.Start();
        _ = ServeAsync();
    }

    /// <summary>The TCP port.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

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
        string first = await request.ReadLineAsync() ?? "";
        while (await request.ReadLineAsync() is { Length: > 0 })
        {
        }

        await stream.WriteAsync(file.AnswerTo(first));
    }
}
