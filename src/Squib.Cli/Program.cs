using Squib.Cli;

return SquibCommand.Run(args, HostStreams.OfProcess());
