using Squib.Boot.Tests.Trials;
using Squib.Cli;
using Squib.Cli.Guest;
using Xunit;

[assembly: AssemblyFixture(typeof(Squib.Boot.Tests.FetchedGuest))]

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

    /// <summary>The kernel for virtual machines, and an initial file system with the programs of the trials.</summary>
    internal (string Kernel, string Initrd) GetForTrials()
    {
        lock (gate)
        {
            (string kernel, string initrd) = Get(GuestFlavour.Cloud);
            string extended = folder.File("trials.cpio");
            if (!File.Exists(extended)) File.WriteAllBytes(extended, GuestPrograms.AppendTo(File.ReadAllBytes(initrd)));
            return (kernel, extended);
        }
    }

    public void Dispose() => folder.Dispose();
}
