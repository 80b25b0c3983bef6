namespace Squib.Cli.Boot;

/// <summary>What a network card is connected to.</summary>
internal enum NetKind
{
    /// <summary>A TAP interface of the host.</summary>
    Tap,

    /// <summary>A Unix socket on which a program listens.</summary>
    Socket,

    /// <summary>The program passt, started for it.</summary>
    Passt,

    /// <summary>A computer in this process, which comes with the card.</summary>
    Peer,
}
