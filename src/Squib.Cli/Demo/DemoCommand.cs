using System.CommandLine;

namespace Squib.Cli.Demo;

internal static class DemoCommand
{
    public static Command Create(HostStreams streams) => new("demo", "x");
}
