using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Squib.Boot.Tests.Trials;

/// <summary>
/// A guest on a TAP interface and a Unix socket of the host: what Debian's programs on both sides say to each other.
/// </summary>
public sealed class LinksTests(LinksTests.Fixture links) : IClassFixture<LinksTests.Fixture>
{
    [Fact]
    public void Host_and_guest_ping_each_other_over_a_TAP_interface()
    {
        Assert.Contains("TRIAL ping 3 of 3", links.Output, StringComparison.Ordinal);
        Assert.Contains("3 packets transmitted, 3 received, 0% packet loss", links.HostPing, StringComparison.Ordinal);
    }

    [Fact]
    public void TCP_runs_over_a_TAP_interface_in_both_directions()
    {
        // At the end the receiver leaves alone what is still under way.
        Assert.InRange(ReceivedBytes("host to guest", links.ToGuest), Fixture.StreamBytes / 2, long.MaxValue);
        Assert.InRange(ReceivedBytes("guest to host", links.FromGuest), Fixture.StreamBytes / 2, long.MaxValue);
    }

    [Fact]
    public void A_program_of_the_host_speaks_with_a_listener_in_the_guest_after_CONNECT()
    {
        string answer = Encoding.Latin1.GetString(links.Answer);
        Assert.Matches(@"^OK \d+\n", answer);
        string sent = Encoding.Latin1.GetString(links.Question);
        Assert.True(answer[(answer.IndexOf('\n', StringComparison.Ordinal) + 1)..] == sent, "The echo differs.");
        Assert.Contains("TRIAL heard go", links.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_in_the_guest_at_which_nobody_listens_ends_the_connection_without_OK() =>
        Assert.Empty(links.AnswerOfNobody);

    [Fact]
    public void A_program_of_the_guest_reaches_the_host_socket_of_its_port()
    {
        string sum = Convert.ToHexStringLower(SHA256.HashData(links.FromVsock))[..16];
        Assert.Equal(1 << 20, links.FromVsock.Length);
        Assert.Contains($"TRIAL sent {sum}", links.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_port_of_the_host_without_a_socket_refuses_the_guest() =>
        Assert.Contains("TRIAL refused Connection reset by peer", links.Output, StringComparison.Ordinal);

    [Fact]
    public void The_guest_ends_well() => Assert.True(links.ExitCode == 0, links.Error + links.Output);

    private static long ReceivedBytes(string way, string report)
    {
        using JsonDocument json = JsonDocument.Parse(report);
        JsonElement sum = json.RootElement.GetProperty("end").GetProperty("sum_received");
        double rate = sum.GetProperty("bits_per_second").GetDouble() / 8e6;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{way} {rate:0.0} MB/s"));
        return sum.GetProperty("bytes").GetInt64();
    }

    public sealed class Fixture(FetchedGuest guest) : IAsyncLifetime
    {
        public const int StreamBytes = 32 << 20;
        private const int QuestionBytes = 1 << 20;

        public int ExitCode { get; private set; }

        public string Output { get; private set; } = "";

        public string Error { get; private set; } = "";

        public string HostPing { get; private set; } = "";

        public string ToGuest { get; private set; } = "";

        public string FromGuest { get; private set; } = "";

        public byte[] Question { get; } = RandomNumberGenerator.GetBytes(QuestionBytes);

        public byte[] Answer { get; private set; } = [];

        public byte[] AnswerOfNobody { get; private set; } = [];

        public byte[] FromVsock { get; private set; } = [];

        public async ValueTask InitializeAsync()
        {
            (string kernel, string initrd) = guest.GetForTrials();
            using TemporaryFolder folder = new();
            await using NetworkNamespace network = await NetworkNamespace.CreateAsync();
            string socket = folder.File("vsock");
            string address = $"ip={NetworkNamespace.GuestAddress}/24 host={NetworkNamespace.HostAddress}";
            using SquibProcess squib = new(
                network.Launcher, new Dictionary<string, string>(),
                "boot", "--kernel", kernel, "--initrd", initrd, "--append", $"quiet rdinit=/trial trial=links {address}",
                "--net", $"tap={NetworkNamespace.Tap}", "--vsock", $"uds={socket}");
            await squib.WaitForLineAsync("READY links");

            (_, HostPing) = await network.RunAsync("ping", "-c", "3", "-i", "0.2", "-W", "2", NetworkNamespace.GuestAddress);
            string[] measure = ["-c", NetworkNamespace.GuestAddress, "-n", $"{StreamBytes}", "-J"];
            (_, ToGuest) = await network.RunAsync("iperf3", measure);
            (_, FromGuest) = await network.RunAsync("iperf3", [.. measure, "-R"]);

            Answer = await ConnectAsync(folder, socket, 5000, Question);
            AnswerOfNobody = await ConnectAsync(folder, socket, 5999, Question);
            string received = folder.File("received");
            Task<(int, string)> listening = HostTool.RunAsync("socat", "-u", $"UNIX-LISTEN:{socket}_6000", $"CREATE:{received}");
            await folder.WaitForAsync("vsock_6000");
            await ConnectAsync(folder, socket, 5001, "go\n"u8.ToArray());
            (ExitCode, Output, Error) = await squib.WaitAsync();
            await listening;
            FromVsock = await File.ReadAllBytesAsync(received);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private static async Task<byte[]> ConnectAsync(TemporaryFolder folder, string socket, int port, byte[] question)
        {
            string asked = folder.Write("question", [.. Encoding.ASCII.GetBytes($"CONNECT {port}\n"), .. question]);
            string answered = folder.File("answer");
            await HostTool.RunAsync("socat", "-t", "30", $"OPEN:{asked},rdonly!!CREATE:{answered}", $"UNIX-CONNECT:{socket}");
            return await File.ReadAllBytesAsync(answered);
        }
    }
}
