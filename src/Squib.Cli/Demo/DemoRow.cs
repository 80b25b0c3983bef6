namespace Squib.Cli.Demo;

/// <summary>One row of the demo's table.</summary>
/// <param name="Device">The device.</param>
/// <param name="Did">What the guest's driver did, and what the host found.</param>
/// <param name="Features">The negotiated features.</param>
/// <param name="Ok">Whether all of it went well.</param>
internal sealed record DemoRow(string Device, string Did, IReadOnlyList<string> Features, bool Ok);
