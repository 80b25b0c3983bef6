namespace Squib.Cli.Demo;

/// <summary>What the demo's network card is connected to.</summary>
internal enum DemoNetKind
{
    /// <summary>The program passt, which connects the guest to the host's networks.</summary>
    Passt,

    /// <summary>A small computer in this process.</summary>
    Peer,
}
