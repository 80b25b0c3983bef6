namespace Squib.Virtio.Devices.Console;

/// <summary>What the guest has yet to be told about a port that it knows.</summary>
[Flags]
internal enum ConsolePortNews
{
    None = 0,

    /// <summary>That the port is a terminal.</summary>
    Console = 1,

    /// <summary>Its name.</summary>
    Name = 2,

    /// <summary>Whether the host's side is open.</summary>
    Open = 4,

    /// <summary>The size of its window.</summary>
    Size = 8,
}
