using System.Globalization;
using Squib.Cli.Boot;
using Squib.Cli.Demo.Peer;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Host;

namespace Squib.Cli.Demo;

/// <summary>What the demo's network card is connected to, with the file that the guest fetches there.</summary>
internal sealed class DemoNetwork : IDisposable
{
    private readonly DemoFile file = new();
    private readonly DemoDownload? download;

    private DemoNetwork(INetBackend? passt, string label)
    {
        Label = label;
        if (passt is not null) download = new(file);
        int port = download?.Port ?? HttpPeer.Port;
        Url = string.Create(CultureInfo.InvariantCulture, $"http://gateway:{port}/");
        Card = passt is not null
            ? new() { Kind = NetKind.Passt, Backend = passt }
            : new() { Kind = NetKind.Peer, Backend = new PeerNetBackend(file.AnswerTo, TimeProvider.System) };
    }

    /// <summary>The card, whose backend whoever builds the machine disposes of.</summary>
    public NetCardOptions Card { get; }

    /// <summary>Where the guest finds the file; <c>gateway</c> stands for its gateway's address.</summary>
    public string Url { get; }

    /// <summary>The sum of the file as the guest tells it.</summary>
    public string Sum => file.Sum;

    /// <summary>What the table says of the way.</summary>
    public string Label { get; }

    /// <summary>Connects the card.</summary>
    /// <param name="wanted">What to; null: passt where it is installed and starts, else the peer.</param>
    /// <exception cref="UserErrorException">passt is wanted and does not start.</exception>
    public static DemoNetwork Open(DemoNetKind? wanted)
    {
        if (wanted == DemoNetKind.Peer) return new(null, "through squib's own peer in this process");
        if (wanted is null && !Passt.IsInstalled)
            return new(null, "through squib's own peer in this process, as passt is not installed");
        try
        {
            return new(HostNetwork.Open(new() { Kind = NetKind.Passt }), "through passt");
        }
        catch (UserErrorException) when (wanted is null)
        {
            return new(null, "through squib's own peer in this process, as passt does not start here");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => download?.Dispose();
}
