using System.Text.RegularExpressions;
using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Squib.Machine;
using Squib.Virtio.Devices.Net;
using Squib.Virtio.Host;
using Squib.Virtio.Memory;
using Xunit;
using ArmMachine = Squib.Machine.Machine;

namespace Squib.Boot.Tests.Trials;

/// <summary>Two guests in one process, whose network cards are at one switch.</summary>
public sealed class PairTests(FetchedGuest guest)
{
    private const long RamBytes = 256 << 20;

    [Fact]
    public async Task Two_guests_in_one_process_reach_each_other_over_the_switch()
    {
        NetSwitch network = new();
        Task<List<string>> listening = RunAsync(network, "role=listen ip=192.0.2.1/24 host=192.0.2.2");
        List<string> caller = await RunAsync(network, "role=call ip=192.0.2.2/24 host=192.0.2.1");
        List<string> listener = await listening;
        foreach (string line in caller.Where(line => line.Contains("iperf3", StringComparison.Ordinal)))
            TestContext.Current.TestOutputHelper?.WriteLine(line);

        Assert.Contains("TRIAL ping 3 of 3", caller);
        string sent = Assert.Single(caller, line => line.StartsWith("TRIAL sent ", StringComparison.Ordinal));
        Assert.Contains(sent.Replace("sent", "received", StringComparison.Ordinal), listener);
        Assert.Contains(caller, line => Regex.IsMatch(line, @"^TRIAL iperf3 forth [\d.]+ MBytes/sec$"));
        Assert.Contains(caller, line => Regex.IsMatch(line, @"^TRIAL iperf3 -R [\d.]+ MBytes/sec$"));
    }

    private async Task<List<string>> RunAsync(NetSwitch network, string role)
    {
        (string kernel, string initrd) = guest.GetForTrials();
        List<string> lines = [];
        using MappedMemory ram = new(RamBytes);
        using ArmMachine machine = new(new MachineOptions
        {
            Memory = new GuestMemory(new GuestRegion(MemoryMap.RamStart, ram.Pieces[0])),
            Kernel = BootRun.LoadKernel(kernel),
            Initrd = await File.ReadAllBytesAsync(initrd),
            CommandLine = $"quiet rdinit=/trial trial=pair {role}",
            SerialOutput = new GuestLines(Stream.Null, lines.Add),
        });
        await using NetSwitchPort port = network.AddPort();
        machine.Attach(new NetDevice(port));
        using CancellationTokenRegistration stop = TestContext.Current.CancellationToken.Register(machine.Stop);
        MachineExit exit = await Task.Factory.StartNew(
            machine.Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(exit == MachineExit.PowerOff, string.Join('\n', lines));
        TestContext.Current.TestOutputHelper?.WriteLine($"{role}: {port.Dropped} frames dropped, {port.Flooded} flooded");
        return lines;
    }
}
