using System.Text;

namespace Squib.Virtio.Devices.Console;

/// <summary>A port to add to a console.</summary>
public sealed record ConsolePortOptions
{
    /// <summary>The most bytes of a name in UTF-8.</summary>
    public const int MaxNameBytes = 120;

    /// <summary>Where what the guest writes goes; the device does not dispose of it.</summary>
    public required Stream Output { get; init; }

    /// <summary>The name, by which Linux makes /dev/virtio-ports/NAME; empty for none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Whether the guest should use it as a terminal.</summary>
    public bool IsConsole { get; init; }

    /// <summary>Refuses what cannot be offered.</summary>
    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Output);
        ArgumentNullException.ThrowIfNull(Name);
        if (Encoding.UTF8.GetByteCount(Name) > MaxNameBytes || Name.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"A name has at most {MaxNameBytes} bytes, none of them zero.", nameof(Name));
    }
}
