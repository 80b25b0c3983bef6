namespace Squib.Cli.Guest;

/// <summary>
/// Builds the initial file system of the self-test guest from what is in the cache and what squib carries.
/// </summary>
internal static class Initramfs
{
    /// <summary>The commands that the guest's scripts use.</summary>
    private const string Applets =
        "basename cat cmp cut date dd devmem dmesg echo env grep head hexdump ifconfig insmod ip kill ls "
        + "lsmod md5sum mke2fs mkdir mknod mount nc ping poweroff ps readlink reboot rm sed seq setsid sh sha256sum "
        + "sleep sort stat stty sync tail test timeout touch tr udhcpc umount uname usleep wc wget yes";

    /// <summary>Builds the archive.</summary>
    /// <param name="guest">The guest that it is for.</param>
    /// <returns>A cpio archive, not compressed: the guest would spend a second on unpacking it.</returns>
    public static byte[] Build(CachedGuest guest)
    {
        CpioArchive archive = new();
        foreach (string folder in (string[])["bin", "dev", "lib", "lib/modules", "mnt", "proc", "sys", "tmp"])
            archive.AddFolder(folder);
        archive.AddFile("bin/busybox", File.ReadAllBytes(guest.BusyboxPath), executable: true);
        foreach (string applet in Applets.Split(' ')) archive.AddLink("bin/" + applet, "busybox");
        foreach (string path in Directory.GetFiles(guest.ModulesFolder).Order(StringComparer.Ordinal))
            archive.AddFile("lib/modules/" + Path.GetFileName(path), File.ReadAllBytes(path));
        archive.AddFile("bin/socat", File.ReadAllBytes(guest.SocatPath), executable: true);
        foreach (string path in Directory.GetFiles(guest.LibrariesFolder).Order(StringComparer.Ordinal))
            archive.AddFile("lib/" + Path.GetFileName(path), File.ReadAllBytes(path), executable: true);
        archive.AddFile("init", Carried("guest/init"), executable: true);
        archive.AddFile("bin/udhcpc-script", Carried("guest/udhcpc-script"), executable: true);
        return archive.Finish();
    }

    private static byte[] Carried(string name)
    {
        using Stream resource = typeof(Initramfs).Assembly.GetManifestResourceStream(name)!;
        using MemoryStream content = new();
        resource.CopyTo(content);
        return content.ToArray();
    }
}
