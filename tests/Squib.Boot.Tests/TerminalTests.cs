using System.Diagnostics;
using System.Text;
using Squib.Cli.Guest;
using Xunit;

namespace Squib.Boot.Tests;

/// <summary>The command on a pseudo-terminal, which the program <c>script</c> makes.</summary>
public sealed class TerminalTests(FetchedGuest guest) : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact(Timeout = 180_000)]
    public async Task Ctrl_C_goes_to_the_guest_and_the_terminal_is_afterwards_as_it_was()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such terminals.");
        string script = HostTool.Require("script");
        (string kernel, string initrd) = guest.Get(GuestFlavour.Cloud);
        string squib = $"{SquibProcess.DotnetHost} {Path.Combine(AppContext.BaseDirectory, "squib.dll")}";
        string append = "console=ttyAMA0 cryptomgr.notests quiet st.only=none st.shell=ttyAMA0";
        string command = $"stty -g >{folder.File("before")}; {squib} boot --kernel {kernel} --initrd {initrd} "
            + $"--append '{append}'; echo $? >{folder.File("exit")}; stty -g >{folder.File("after")}";

        using Process terminal = Process.Start(new ProcessStartInfo(script, ["-qec", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await WaitForAsync(terminal.StandardOutput, "# ");
        await TypeAsync(terminal, "sh -c 'echo started-$((6 * 7)); exec sleep 1000'\r");
        await WaitForAsync(terminal.StandardOutput, "started-42");
        await TypeAsync(terminal, "\u0003");
        await WaitForAsync(terminal.StandardOutput, "# ");
        await TypeAsync(terminal, "\u0001x");
        await terminal.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal("0", File.ReadAllText(folder.File("exit")).Trim());
        Assert.Equal(File.ReadAllText(folder.File("before")), File.ReadAllText(folder.File("after")));
    }

    private static async Task TypeAsync(Process terminal, string keys)
    {
        await terminal.StandardInput.WriteAsync(keys);
        await terminal.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    private static async Task WaitForAsync(StreamReader output, string text)
    {
        StringBuilder seen = new();
        char[] next = new char[1];
        while (!seen.ToString().EndsWith(text, StringComparison.Ordinal))
        {
            int length = await output.ReadAsync(next, TestContext.Current.CancellationToken);
            Assert.True(length > 0, $"The output ended before '{text}': {seen}");
            seen.Append(next[0]);
        }
    }
}
