using Squib.Cli;
using Squib.Cli.Guest;

namespace Squib.Boot.Tests;

/// <summary>
/// Debian's kernels from the user's cache, with squib's initial file system, as files to boot by hand.
/// </summary>
public sealed class FetchedGuest : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Dictionary<GuestFlavour, (string Kernel, string Initrd)> fetched = [];
    private readonly Lock gate = new();

    internal (string Kernel, string Initrd) Get(GuestFlavour flavour)
    {
        lock (gate)
        {
            if (!fetched.TryGetValue(flavour, out (string Kernel, string Initrd) files))
            {
                HostTool.Require("apt-get");
                HostTool.Require("dpkg-deb");
                GuestCache cache = new(GuestCache.DefaultFolder, new ProgressLine(TextWriter.Null, false));
                CachedGuest guest = cache.Get(flavour);
                files = (guest.KernelPath, folder.Write($"{flavour.Name}.cpio", Initramfs.Build(guest)));
                fetched[flavour] = files;
            }

            return files;
        }
    }

    public void Dispose() => folder.Dispose();
}
