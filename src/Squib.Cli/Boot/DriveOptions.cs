using System.Text;
using Squib.Virtio.Limits;

namespace Squib.Cli.Boot;

/// <summary>A disk, as <c>--drive</c> describes it.</summary>
internal sealed record DriveOptions
{
    /// <summary>The longest serial number that a block device can tell, in bytes (virtio 1.2, 5.2.6).</summary>
    public const int MaxSerialBytes = 20;

    /// <summary>The image: a file with the raw content of the disk.</summary>
    public required string Path { get; init; }

    /// <summary>Whether the guest may only read it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether it is read and written past the host's page cache.</summary>
    public bool Direct { get; init; }

    /// <summary>What limits it; null for nothing.</summary>
    public RateLimits? Limits { get; init; }

    /// <summary>What the guest sees as the serial number, up to 20 bytes.</summary>
    public string Serial { get; init; } = "";

    /// <summary>Reads the text of the option.</summary>
    /// <param name="text">Like <c>file=disk.img,ro,serial=DISK1</c>; two commas in a value stand for one.</param>
    /// <exception cref="UserErrorException">
    /// A key is unknown, given twice or without a value, or there is no file.
    /// </exception>
    public static DriveOptions Parse(string text)
    {
        string? path = null;
        string? serial = null;
        bool readOnly = false;
        bool direct = false;
        RateLimits? limits = LimitKeys.Take("--drive", text, out string rest);
        foreach (string part in Split(rest))
        {
            string[] pair = part.Split('=', 2);
            switch (pair[0])
            {
                case "file" when pair.Length == 2 && pair[1].Length > 0 && path is null:
                    path = pair[1];
                    break;
                case "serial" when pair.Length == 2 && serial is null:
                    serial = pair[1];
                    break;
                case "ro" when pair.Length == 1 && !readOnly:
                    readOnly = true;
                    break;
                case "direct" when pair.Length == 1 && !direct:
                    direct = true;
                    break;
                case "file" or "serial" or "ro" or "direct":
                    throw new UserErrorException(
                        $"--drive {text}: '{pair[0]}' is given twice or in the wrong form; {Form}");
                default:
                    throw new UserErrorException($"--drive {text}: '{pair[0]}' is not a key of a drive; {Form}");
            }
        }

        if (path is null) throw new UserErrorException($"--drive {text}: there is no file=PATH; {Form}");
        if (Encoding.UTF8.GetByteCount(serial ?? "") > MaxSerialBytes)
            throw new UserErrorException($"--drive {text}: the serial is longer than {MaxSerialBytes} bytes.");
        return new() { Path = path, ReadOnly = readOnly, Direct = direct, Serial = serial ?? "", Limits = limits };
    }

    private const string Form = "the form is file=PATH[,ro][,direct][,serial=TEXT]" + LimitKeys.Form + ".";

    private static IEnumerable<string> Split(string text) =>
        text.Replace(",,", "\0", StringComparison.Ordinal).Split(',').Select(part => part.Replace('\0', ','));
}
