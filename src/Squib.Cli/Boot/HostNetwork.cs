using System.Net.Sockets;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Host;

namespace Squib.Cli.Boot;

/// <summary>Opens what network cards are connected to, and says in words why something cannot be used.</summary>
internal static class HostNetwork
{
    /// <summary>Opens the other end of a card's cable.</summary>
    /// <param name="card">The card.</param>
    /// <exception cref="UserErrorException">It cannot be used.</exception>
    public static INetBackend Open(NetCardOptions card)
    {
        if (card.Backend is { } open) return open;
        try
        {
            return card.Kind switch
            {
                NetKind.Tap => TapNetBackend.Open(card.Target),
                NetKind.Socket => StreamNetBackend.Connect(card.Target),
                _ => new StreamNetBackend(Passt.Start(card.Mtu)),
            };
        }
        catch (SocketException error)
        {
            throw Refusal(card, error.SocketErrorCode == SocketError.ConnectionRefused ? "nobody listens there" : error.Message, error);
        }
        catch (ArgumentException error)
        {
            throw Refusal(card, error.Message, error);
        }
        catch (IOException error)
        {
            throw card.Kind == NetKind.Passt ? new UserErrorException(error.Message, error) : Refusal(card, error.Message, error);
        }
    }

    private static UserErrorException Refusal(NetCardOptions card, string why, Exception cause) =>
        new($"The network {card.Target} cannot be used: {UserErrorException.OneLine(why).TrimEnd('.')}.", cause);
}
