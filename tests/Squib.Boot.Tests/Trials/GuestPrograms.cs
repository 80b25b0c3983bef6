using Squib.Cli.Guest;

namespace Squib.Boot.Tests.Trials;

/// <summary>
/// Debian's own arm64 programs for the guests of the trials, with the libraries that they load, and the script that
/// uses them: an archive to append to squib's initial file system.
/// </summary>
/// <remarks>They are fetched once, as the guest is, and kept beside it.</remarks>
internal static class GuestPrograms
{
    // The packages of the programs, and of all libraries that they need.
    private static readonly string[] Packages =
    [
        "iperf3", "socat", "util-linux", "e2fsprogs",
        "libc6", "libiperf0", "libsctp1", "libssl3", "libwrap0", "libnsl2", "libtirpc3", "libgssapi-krb5-2", "libkrb5-3",
        "libk5crypto3", "libkrb5support0", "libkeyutils1", "libcom-err2", "libext2fs2", "libblkid1", "libuuid1",
    ];

    private static readonly string[] Programs = ["usr/bin/iperf3", "usr/bin/socat", "sbin/blkdiscard", "sbin/resize2fs"];

    private static readonly string[] Libraries =
    [
        "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libresolv.so.2", "libiperf.so.0", "libsctp.so.1",
        "libcrypto.so.3", "libssl.so.3", "libwrap.so.0", "libnsl.so.2", "libtirpc.so.3", "libgssapi_krb5.so.2",
        "libkrb5.so.3", "libk5crypto.so.3", "libkrb5support.so.0", "libkeyutils.so.1", "libcom_err.so.2", "libext2fs.so.2",
        "libe2p.so.2", "libblkid.so.1", "libuuid.so.1",
    ];

    private static readonly Lazy<byte[]> Archive = new(Build);

    /// <summary>Squib's initial file system with the programs and the script behind it: Linux unpacks both.</summary>
    /// <param name="initrd">The initial file system.</param>
    public static byte[] AppendTo(byte[] initrd) => [.. initrd, .. Archive.Value];

    private static byte[] Build()
    {
        string root = Fetch();
        CpioArchive archive = new();
        archive.AddFolder("etc");
        archive.AddFile("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"u8);
        foreach (string program in Programs)
            archive.AddFile("bin/" + Path.GetFileName(program), File.ReadAllBytes(Path.Combine(root, program)), executable: true);
        archive.AddFolder("lib/aarch64-linux-gnu");
        foreach (string library in Libraries)
        {
            // Debian keeps libraries in two folders; reading follows the link from the short name to the file.
            string path = ((string[])["lib", "usr/lib"]).Select(folder => Path.Combine(root, folder, "aarch64-linux-gnu", library))
                .First(File.Exists);
            string name = library.StartsWith("ld-", StringComparison.Ordinal) ? "lib/" : "lib/aarch64-linux-gnu/";
            archive.AddFile(name + library, File.ReadAllBytes(path), executable: true);
        }

        archive.AddFile("lib/modules/order", Text(GuestFlavour.Modules));
        archive.AddFile("trial", File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guest", "trial")), executable: true);
        return archive.Finish();
    }

    private static byte[] Text(IEnumerable<string> lines) => System.Text.Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n");

    /// <summary>The folder into which the packages are unpacked.</summary>
    private static string Fetch()
    {
        string home = Path.Combine(GuestCache.DefaultFolder, "trial-programs");
        string done = Path.Combine(home, "packages");
        string wanted = string.Join(' ', Packages);
        if (File.Exists(done) && File.ReadAllText(done) == wanted) return home;

        HostTool.Require("apt-get");
        HostTool.Require("dpkg-deb");
        DirectoryInfo work = Directory.CreateDirectory($"{home}.{Environment.ProcessId}");
        AptPackages apt = new(Path.Combine(GuestCache.DefaultFolder, "apt"));
        apt.Update(_ => { });
        foreach (string file in apt.Download(Packages, work.FullName, _ => { }))
        {
            HostTool.RunAsync("dpkg-deb", "-x", file, work.FullName).GetAwaiter().GetResult();
            File.Delete(file);
        }

        File.WriteAllText(Path.Combine(work.FullName, "packages"), wanted);
        if (Directory.Exists(home)) Directory.Delete(home, recursive: true);
        work.MoveTo(home);
        return home;
    }
}
