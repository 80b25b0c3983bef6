using Xunit;

namespace Squib.Boot.Tests.Trials;

/// <summary>A network of its own with nothing in it but loopback and a TAP interface, which goes with the test.</summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    public const string Tap = "tap0";
    public const string HostAddress = "192.0.2.1";
    public const string GuestAddress = "192.0.2.2";

    private static int made;

    private readonly string name = $"squib-test-{Environment.ProcessId}-{Interlocked.Increment(ref made)}";

    private NetworkNamespace()
    {
    }

    /// <summary>What to put before a command so that it runs in here.</summary>
    public string[] Launcher => [HostTool.Require("ip"), "netns", "exec", name];

    public static async Task<NetworkNamespace> CreateAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Network namespaces are Linux'.");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root makes network namespaces.");
        NetworkNamespace made = new();
        await made.IpAsync("netns", "add", made.name);
        try
        {
            await made.IpAsync("-n", made.name, "link", "set", "lo", "up");
            await made.IpAsync("-n", made.name, "tuntap", "add", "dev", Tap, "mode", "tap");
            await made.IpAsync("-n", made.name, "addr", "add", HostAddress + "/24", "dev", Tap);
            await made.IpAsync("-n", made.name, "link", "set", Tap, "up");
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program in here.</summary>
    public Task<(int ExitCode, string Output)> RunAsync(string program, params string[] arguments) =>
        HostTool.RunAsync("ip", ["netns", "exec", name, HostTool.Require(program), .. arguments]);

    public async ValueTask DisposeAsync() => await IpAsync("netns", "delete", name);

    private async Task IpAsync(params string[] arguments)
    {
        (int exitCode, string output) = await HostTool.RunAsync("ip", arguments);
        Assert.True(exitCode == 0, $"ip {string.Join(' ', arguments)}: {output}");
    }
}
