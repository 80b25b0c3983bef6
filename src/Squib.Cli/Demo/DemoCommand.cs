using System.CommandLine;
using Squib.Cli.Boot;
using Squib.Cli.Guest;

namespace Squib.Cli.Demo;

/// <summary>The command <c>squib demo</c>.</summary>
internal static class DemoCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="streams">What it reads and writes.</param>
    public static Command Create(HostStreams streams)
    {
        Option<string> flavour = new("--flavour")
        {
            Description = "Which of Debian's kernels: cloud-arm64 or arm64.",
            DefaultValueFactory = _ => GuestFlavour.Cloud.Name,
        };
        flavour.AcceptOnlyFromAmong(GuestFlavour.Cloud.Name, GuestFlavour.Generic.Name);
        Option<string?> net = new("--net")
        {
            Description = "What the network card is connected to: passt, or a peer in squib itself. [default: passt if it is installed]",
        };
        net.AcceptOnlyFromAmong("passt", "peer");
        Option<string?> ring = new("--ring")
        {
            Description = "What the rings of all devices offer; the words are those of squib boot.",
            HelpName = "WORDS",
        };
        Command command = new("demo", "Fetches Debian's arm64 kernel, boots it and has its drivers test every device.")
        {
            flavour,
            net,
            ring,
        };
        command.SetAction(result => DemoRun.Execute(
            new(result.GetRequiredValue(flavour)),
            result.GetValue(net) switch
            {
                "passt" => DemoNetKind.Passt,
                "peer" => DemoNetKind.Peer,
                _ => null,
            },
            RingOptions.Parse(result.GetValue(ring)),
            streams));
        return command;
    }
}
