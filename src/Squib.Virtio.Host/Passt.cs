using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace Squib.Virtio.Host;

/// <summary>Starts passt, which connects a guest to the networks of the host without any privilege.</summary>
/// <remarks>
/// passt gives the guest an address by DHCP and speaks TCP, UDP and ping for it with ordinary sockets. It ends by itself when the
/// socket is closed. Linux only.
/// </remarks>
public static class Passt
{
    /// <summary>How long passt may take until it serves.</summary>
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Whether the program is found on the path.</summary>
    public static bool IsInstalled =>
        OperatingSystem.IsLinux()
        && (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "passt")));

    /// <summary>Starts passt.</summary>
    /// <param name="mtu">The MTU to tell the guest in bytes, or null for passt's choice.</param>
    /// <param name="arguments">More of passt's own options.</param>
    /// <returns>The socket to it, over which frames go with their length before them.</returns>
    /// <exception cref="IOException">The program is not installed, or did not start; the message is its own.</exception>
    public static Socket Start(int? mtu = null, params IEnumerable<string> arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        Socket ours = SocketPair.Create(out int theirs);
        try
        {
            ProcessStartInfo start = new("passt") { RedirectStandardError = true, RedirectStandardOutput = true };
            List<string> all = ["--quiet", "--fd", theirs.ToString(System.Globalization.CultureInfo.InvariantCulture)];
            if (mtu is { } bytes) all.AddRange(["--mtu", bytes.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            all.AddRange(arguments);
            foreach (string argument in all) start.ArgumentList.Add(argument);
            using Process process = Process.Start(start)!;
            // It leaves for the background when it serves.
            if (!process.WaitForExit(StartTimeout))
            {
                process.Kill();
                throw new IOException($"passt did not start within {StartTimeout.TotalSeconds} s.");
            }

            if (process.ExitCode != 0) throw new IOException($"passt did not start: {LastLine(process.StandardError)}");
            return ours;
        }
        catch (Win32Exception error)
        {
            ours.Dispose();
            throw new IOException("passt cannot be started; on Debian it is in the package passt.", error);
        }
        catch
        {
            ours.Dispose();
            throw;
        }
        finally
        {
            SocketPair.Close(theirs);
        }
    }

    private static string LastLine(StreamReader errors)
    {
        // Without a system log it says so for each of its messages.
        const string Noise = "Failed to send";
        string? last = null;
        while (errors.ReadLine() is { } line)
        {
            if (line.Length > 0 && !line.StartsWith(Noise, StringComparison.Ordinal)) last = line;
        }

        return last ?? "it says nothing";
    }
}
