using System.CommandLine;

namespace Squib.Cli.Guest;

/// <summary>The command <c>squib guest</c>: writes the kernel and the initramfs of the demo to a folder.</summary>
internal static class GuestCommand
{
    /// <summary>Creates the command.</summary>
    /// <param name="streams">What it writes to.</param>
    public static Command Create(HostStreams streams)
    {
        Argument<string> folder = new("folder") { Description = "Where to; files of the same name are replaced." };
        Option<string> flavour = new("--flavour")
        {
            Description = "Which of Debian's kernels: cloud-arm64 or arm64.",
            DefaultValueFactory = _ => GuestFlavour.Cloud.Name,
        };
        flavour.AcceptOnlyFromAmong(GuestFlavour.Cloud.Name, GuestFlavour.Generic.Name);
        Command command = new("guest", "Writes the demo's kernel (Image) and initrd (initramfs.cpio) to a folder.")
        {
            folder,
            flavour,
        };
        command.SetAction(result =>
            Write(result.GetRequiredValue(folder), new(result.GetRequiredValue(flavour)), streams));
        return command;
    }

    private static int Write(string folder, GuestFlavour flavour, HostStreams streams)
    {
        ProgressLine progress = new(streams.Error, streams.ErrorIsTerminal);
        CachedGuest guest = new GuestCache(GuestCache.DefaultFolder, progress).Get(flavour);
        try
        {
            Directory.CreateDirectory(folder);
            File.Copy(guest.KernelPath, Path.Combine(folder, "Image"), overwrite: true);
            File.WriteAllBytes(Path.Combine(folder, "initramfs.cpio"), Initramfs.Build(guest));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"The guest cannot be written to {folder}: {error.Message}", error);
        }

        return ExitCode.Success;
    }
}
