using System.CommandLine;
using Squib.Virtio.Limits;

namespace Squib.Cli.Boot;

/// <summary>The command <c>squib boot</c>.</summary>
internal sealed class BootCommand
{
    private readonly Option<string> kernel = new("--kernel")
    {
        Description = "The kernel: an arm64 Linux Image, or Image.gz.",
        HelpName = "IMAGE",
        Required = true,
    };

    private readonly Option<string?> initrd = new("--initrd")
    {
        Description = "The initial file system.",
        HelpName = "FILE",
    };

    private readonly Option<string> append = new("--append")
    {
        Description = "The kernel's command line; console=ttyAMA0 and panic=1 are added where it has none of its own.",
        HelpName = "TEXT",
        DefaultValueFactory = _ => "",
    };

    private readonly Option<string> memory = new("--memory")
    {
        Description = "The size of RAM: a number of MiB, or one with the suffix K, M, G or T.",
        HelpName = "SIZE",
        DefaultValueFactory = _ => "512M",
    };

    private readonly Option<string[]> drive = new("--drive")
    {
        Description = "A disk with its raw image: file=PATH[,ro][,direct][,serial=TEXT][,bw=SIZE][,iops=NUMBER]. "
            + "May be given again for the next disk.",
        HelpName = "KEYS",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string> console = new("--console")
    {
        Description = "A virtio console and where it leads: stdio, file=PATH or off.",
        HelpName = "WHERE",
        DefaultValueFactory = _ => "off",
    };

    private readonly Option<string?> serial = new("--serial")
    {
        Description =
            "Where the serial line leads: stdio, file=PATH or off. [default: stdio, unless the console is there]",
        HelpName = "WHERE",
    };

    private readonly Option<string[]> net = new("--net")
    {
        Description = "A network card: tap=NAME, socket=PATH or passt, then [,mac=ADDRESS][,mtu=BYTES][,bw=SIZE][,iops=NUMBER]. May be given again.",
        HelpName = "KEYS",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> vsock = new("--vsock")
    {
        Description = "A socket device and its Unix socket on the host: [cid=NUMBER,]uds=PATH.",
        HelpName = "KEYS",
    };

    private readonly Option<string?> rng = new("--rng")
    {
        Description = "An entropy device, and what limits it: [bw=SIZE][,iops=NUMBER].",
        HelpName = "KEYS",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> balloon = new("--balloon")
    {
        Description = "A memory balloon, and how much it takes at first: [target=SIZE].",
        HelpName = "KEYS",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string[]> pmem = new("--pmem")
    {
        Description = "Persistent memory: file=PATH[,ro|private]. May be given again.",
        HelpName = "KEYS",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> hotplug = new("--hotplug-memory")
    {
        Description = "Memory that is plugged while the guest runs: size=SIZE[,requested=SIZE].",
        HelpName = "KEYS",
    };

    private readonly Option<bool> bootTimer = new("--boot-timer") { Description = "A timer of the guest's boot." };

    private readonly Option<string?> ring = new("--ring")
    {
        Description = "What the rings of all devices offer: packed, in-order, notification-data, no-indirect, "
            + "no-event-index, no-reset, with commas between.",
        HelpName = "WORDS",
    };

    private readonly Option<string?> metrics = new("--metrics")
    {
        Description = "A file that is written every second, and at the end, with what is measured; the form is Prometheus' text.",
        HelpName = "PATH",
    };

    private readonly Option<bool> stats = new("--stats")
    {
        Description = "Print on standard error what the machine did.",
    };

    private BootCommand()
    {
    }

    /// <summary>Creates the command.</summary>
    /// <param name="streams">What it reads and writes.</param>
    public static Command Create(HostStreams streams)
    {
        BootCommand self = new();
        Command command = new("boot", "Boots a kernel. On the keyboard: Ctrl-A x ends, Ctrl-A h helps.")
        {
            self.kernel, self.initrd, self.append, self.memory, self.drive, self.net, self.console, self.serial, self.vsock,
            self.rng, self.balloon, self.pmem, self.hotplug, self.bootTimer, self.ring, self.metrics, self.stats,
        };
        command.SetAction(result => BootRun.Execute(self.Read(result), streams));
        return command;
    }

    private BootOptions Read(ParseResult result)
    {
        StreamTarget consoleTarget = StreamTarget.Parse("--console", result.GetRequiredValue(console));
        bool consoleIsStdio = consoleTarget.Kind == StreamKind.Stdio;
        StreamTarget serialTarget = result.GetValue(serial) is { } text ? StreamTarget.Parse("--serial", text)
            : consoleIsStdio ? StreamTarget.Off : StreamTarget.Stdio;
        if (consoleIsStdio && serialTarget.Kind == StreamKind.Stdio)
            throw new UserErrorException("--console and --serial cannot both be stdio; set one to file=PATH or off.");
        return new()
        {
            KernelPath = result.GetRequiredValue(kernel),
            InitrdPath = result.GetValue(initrd),
            CommandLine = result.GetRequiredValue(append),
            MemoryBytes = ByteSize.Parse(result.GetRequiredValue(memory)),
            Drives = [.. result.GetRequiredValue(drive).Select(DriveOptions.Parse)],
            NetCards = [.. result.GetRequiredValue(net).Select(NetCardOptions.Parse)],
            Console = consoleTarget,
            Serial = serialTarget,
            Vsock = result.GetValue(vsock) is { } keys ? GuestSocketOptions.Parse(keys) : null,
            Rng = result.GetResult(rng) is not null,
            RngLimits = ReadRngLimits(result.GetValue(rng) ?? ""),
            MemoryDevices = MemoryDeviceOptions.Parse(
                result.GetResult(balloon) is null ? null : result.GetValue(balloon) ?? "",
                result.GetRequiredValue(pmem),
                result.GetValue(hotplug),
                result.GetValue(bootTimer)),
            Transport = RingOptions.Parse(result.GetValue(ring)),
            MetricsPath = result.GetValue(metrics),
            Stats = result.GetValue(stats),
        };
    }

    private static RateLimits? ReadRngLimits(string text)
    {
        RateLimits? limits = LimitKeys.Take("--rng", text, out string rest);
        KeyList.Parse("--rng", rest, "[bw=SIZE][,iops=NUMBER]", []);
        return limits;
    }
}
