namespace Squib.Cli.Boot;

/// <summary>The far end of a virtio console.</summary>
/// <param name="ToGuest">What the guest reads, or null where nothing is ever typed.</param>
/// <param name="FromGuest">What the guest writes.</param>
internal sealed record ConsoleStreams(Stream? ToGuest, Stream FromGuest);
