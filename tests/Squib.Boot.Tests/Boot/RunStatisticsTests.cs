using System.Net.Sockets;
using Squib.Cli.Boot;
using Squib.Cli.Demo;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class RunStatisticsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void All_nine_kinds_of_device_have_a_line_in_the_order_of_their_slots()
    {
        string disk = folder.Write("disk.img", new byte[512]);
        string pmem = folder.File("pmem.img");
        DemoDisk.CreateEmpty(pmem, 2 << 20);
        using Socket network = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        network.Bind(new UnixDomainSocketEndPoint(folder.File("net")));
        network.Listen();
        using MachineAssembly assembly = MachineAssembly.Build(new()
        {
            Kernel = BootRun.LoadKernel(folder.WriteKernelHeader()),
            MemoryBytes = 64 << 20,
            Drives = [DriveOptions.Parse($"file={disk},ro"), DriveOptions.Parse($"file={disk},ro,iops=1")],
            NetCards = [NetCardOptions.Parse($"socket={folder.File("net")}")],
            Vsock = GuestSocketOptions.Parse($"uds={folder.File("vsock")}"),
            Rng = true,
            ConsoleOutput = Stream.Null,
            MemoryDevices = MemoryDeviceOptions.Parse("", [$"file={pmem}"], "size=128M", bootTimer: true),
        });
        using StringWriter output = new();
        RunStatistics.Write(output, assembly, TimeSpan.FromSeconds(1));
        string[] lines = output.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal(
            ["block 0", "net 0", "vsock", "balloon", "rng", "console", "block 1", "pmem 0", "mem", "boot-timer"],
            lines[2..].Select(line => line.Split(':')[0]));
        Assert.All(lines[2..], line => Assert.EndsWith(": notifications 0, requests 0, bytes 0, interrupts 0", line, StringComparison.Ordinal));
    }
}
