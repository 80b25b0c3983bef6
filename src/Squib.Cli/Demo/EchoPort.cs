using Squib.Virtio.Devices.Console;

namespace Squib.Cli.Demo;

/// <summary>A second console port that sends back what it gets.</summary>
internal static class EchoPort
{
    private const string Name = "squib.echo";

    /// <summary>Adds the port to a console.</summary>
    /// <param name="console">A console with room for it.</param>
    public static void AddTo(ConsoleDevice console)
    {
        ConsolePort? port = null;
        Task echoed = Task.CompletedTask;
        port = console.AddPort(new()
        {
            Name = Name,
            Output = new GuestLines(Stream.Null, line =>
            {
                // Whoever writes without reading gets no more answers than the port has room for.
                if (echoed.IsCompleted) echoed = port!.WriteInputAsync(System.Text.Encoding.UTF8.GetBytes(line + "\n")).AsTask();
            }),
        });
    }
}
