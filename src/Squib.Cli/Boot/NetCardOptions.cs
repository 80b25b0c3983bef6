using System.Globalization;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Limits;

namespace Squib.Cli.Boot;

/// <summary>A network card, as <c>--net</c> describes it.</summary>
internal sealed record NetCardOptions
{
    private const string Form = "the form is tap=NAME, socket=PATH or passt, then [,mac=ADDRESS][,mtu=BYTES]" + LimitKeys.Form + ".";

    /// <summary>What it is connected to.</summary>
    public required NetKind Kind { get; init; }

    /// <summary>The interface or the socket.</summary>
    public string Target { get; init; } = "";

    /// <summary>The other end of the cable, where it is open already; null: it is opened as the kind says.</summary>
    public INetBackend? Backend { get; init; }

    /// <summary>The address; null for one that is made up.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The largest payload of a frame in bytes; null leaves it to the guest.</summary>
    public int? Mtu { get; init; }

    /// <summary>What limits each of its directions; null for nothing.</summary>
    public RateLimits? Limits { get; init; }

    /// <summary>Reads the text of the option.</summary>
    /// <param name="text">Like <c>tap=tap0,mac=02:00:00:00:00:01,mtu=1500</c>; two commas in a value stand for one.</param>
    /// <exception cref="UserErrorException">A key is unknown, given twice or without a value, or a value cannot be.</exception>
    public static NetCardOptions Parse(string text)
    {
        NetCardOptions? card = null;
        MacAddress? mac = null;
        int? mtu = null;
        RateLimits? limits = LimitKeys.Take("--net", text, out string rest);
        foreach (string part in Split(rest))
        {
            string[] pair = part.Split('=', 2);
            string value = pair.Length == 2 ? pair[1] : "";
            switch (pair[0])
            {
                case "tap" when value.Length > 0 && card is null:
                    card = new() { Kind = NetKind.Tap, Target = value };
                    break;
                case "socket" when value.Length > 0 && card is null:
                    card = new() { Kind = NetKind.Socket, Target = value };
                    break;
                case "passt" when pair.Length == 1 && card is null:
                    card = new() { Kind = NetKind.Passt };
                    break;
                case "mac" when mac is null:
                    mac = ParseMac(text, value);
                    break;
                case "mtu" when mtu is null:
                    mtu = ParseMtu(text, value);
                    break;
                case "tap" or "socket" or "passt" or "mac" or "mtu":
                    throw new UserErrorException($"--net {text}: '{pair[0]}' is one too many or in the wrong form; {Form}");
                default:
                    throw new UserErrorException($"--net {text}: '{pair[0]}' is not a key of a network card; {Form}");
            }
        }

        if (card is null) throw new UserErrorException($"--net {text}: it says not what the card is connected to; {Form}");
        return card with { Mac = mac, Mtu = mtu, Limits = limits };
    }

    private static MacAddress ParseMac(string text, string value) =>
        MacAddress.TryParse(value, out MacAddress mac) && mac.IsUnicast
            ? mac
            : throw new UserErrorException(
                $"--net {text}: '{value}' is not the address of a card; it is like 02:00:00:00:00:01, the first byte even.");

    private static int ParseMtu(string text, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int mtu)
            && mtu is >= NetOptions.MinMtu and <= ushort.MaxValue
            ? mtu
            : throw new UserErrorException(
                $"--net {text}: '{value}' is not an MTU; it is a number from {NetOptions.MinMtu} to {ushort.MaxValue}.");

    private static IEnumerable<string> Split(string text) =>
        text.Replace(",,", "\0", StringComparison.Ordinal).Split(',').Select(part => part.Replace('\0', ','));
}
