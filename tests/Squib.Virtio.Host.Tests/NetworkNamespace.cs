using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>A network of its own with one TAP interface in it, which only the test sees.</summary>
internal sealed class NetworkNamespace : IAsyncDisposable
{
    internal const string Address = "192.0.2.1";

    private static int last;

    private readonly string name;

    private bool isDeleted;

    private NetworkNamespace(string name) => this.name = name;

    /// <summary>The interface.</summary>
    internal TapNetBackend Tap { get; private set; } = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Makes the network, or skips the test and says what is missing.</summary>
    internal static async Task<NetworkNamespace> CreateAsync(int queues = 1)
    {
        if (!File.Exists("/dev/net/tun")) Assert.Skip("There is no /dev/net/tun: the kernel has no TAP interfaces.");
        string name = string.Create(CultureInfo.InvariantCulture, $"sq{Environment.ProcessId}x{Interlocked.Increment(ref last)}");
        NetworkNamespace made = new(name);
        try
        {
            made.Tap = TapNetBackend.Open(name, queues);
        }
        catch (IOException e)
        {
            Assert.Skip($"No TAP interface can be made: {e.Message}.");
        }

        try
        {
            await HostAsync("ip", $"netns add {name}");
        }
        catch (InvalidOperationException e)
        {
            await made.Tap.DisposeAsync();
            Assert.Skip($"No network namespace can be made (package iproute2, CAP_SYS_ADMIN): {e.Message}");
        }

        await HostAsync("ip", $"link set {name} netns {name}");
        await made.RunAsync("ip", $"address add {Address}/24 dev {name}");
        await made.RunAsync("ip", $"link set {name} up");
        return made;
    }

    public async ValueTask DisposeAsync()
    {
        await Tap.DisposeAsync();
        if (!isDeleted) await DeleteAsync();
    }

    /// <summary>Deletes the network, with all that is in it.</summary>
    internal async Task DeleteAsync()
    {
        await HostAsync("ip", $"netns delete {name}");
        isDeleted = true;
    }

    /// <summary>Runs a program in the network to its end, which must be a good one.</summary>
    /// <returns>What it has written.</returns>
    internal Task<string> RunAsync(string program, string arguments) => HostAsync("ip", $"netns exec {name} {program} {arguments}");

    /// <summary>Starts a program in the network.</summary>
    internal Process Start(string program, string arguments) => Launch("ip", $"netns exec {name} {program} {arguments}");

    private static Process Launch(string program, string arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static async Task<string> HostAsync(string program, string arguments)
    {
        Process process;
        try
        {
            process = Launch(program, arguments);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"{program}: {e.Message}", e);
        }

        using (process)
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(Stop);
            string output = await process.StandardOutput.ReadToEndAsync(Stop);
            await process.WaitForExitAsync(Stop);
            if (process.ExitCode == 0) return output;
            throw new InvalidOperationException($"{program} {arguments}: {process.ExitCode} {output}{await errors}");
        }
    }
}
