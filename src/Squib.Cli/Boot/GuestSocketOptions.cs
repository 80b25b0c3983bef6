using System.Globalization;
using System.Text;
using Squib.Virtio.Devices.Vsock;

namespace Squib.Cli.Boot;

/// <summary>A socket device, as <c>--vsock</c> describes it.</summary>
internal sealed record GuestSocketOptions
{
    /// <summary>The guest's context id.</summary>
    public uint Cid { get; init; } = VsockCid.FirstGuest;

    /// <summary>The path of the Unix socket at which programs of the host connect to the guest; null for none.</summary>
    public string? Path { get; init; }

    /// <summary>Reads the text of the option.</summary>
    /// <param name="text">Like <c>cid=3,uds=vsock.sock</c>; two commas in a value stand for one.</param>
    /// <exception cref="UserErrorException">A key is unknown, given twice or without a value, or there is no path.</exception>
    public static GuestSocketOptions Parse(string text)
    {
        const string Form = "the form is [cid=NUMBER,]uds=PATH.";
        string? path = null;
        uint? cid = null;
        foreach (string part in text.Replace(",,", "\0", StringComparison.Ordinal).Split(','))
        {
            string[] pair = part.Replace('\0', ',').Split('=', 2);
            switch (pair[0])
            {
                case "uds" when pair.Length == 2 && pair[1].Length > 0 && path is null:
                    path = pair[1];
                    break;
                case "cid" when pair.Length == 2 && cid is null:
                    cid = ParseCid(text, pair[1]);
                    break;
                case "uds" or "cid":
                    throw new UserErrorException($"--vsock {text}: '{pair[0]}' is given twice or in the wrong form; {Form}");
                default:
                    throw new UserErrorException($"--vsock {text}: '{pair[0]}' is not a key of a vsock; {Form}");
            }
        }

        if (path is null) throw new UserErrorException($"--vsock {text}: there is no uds=PATH; {Form}");
        if (Encoding.UTF8.GetByteCount(path) > UnixVsockBackend.MaxPathBytes)
            throw new UserErrorException($"--vsock {text}: the path is longer than {UnixVsockBackend.MaxPathBytes} bytes.");
        return new() { Cid = cid ?? VsockCid.FirstGuest, Path = path };
    }

    private static uint ParseCid(string text, string number) =>
        uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out uint cid) && VsockCid.IsGuest(cid)
            ? cid
            : throw new UserErrorException($"--vsock {text}: a guest's cid is a number from {VsockCid.FirstGuest} to {VsockCid.LastGuest}.");
}
