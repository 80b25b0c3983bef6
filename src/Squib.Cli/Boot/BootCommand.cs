using System.CommandLine;

namespace Squib.Cli.Boot;

internal static class BootCommand
{
    public static Command Create(HostStreams streams) => new("boot", "x");
}
