using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Squib.Virtio.Host;

/// <summary>Two connected Unix stream sockets: one for this process, one for a program that it starts.</summary>
internal static class SocketPair
{
    private const int UnixFamily = 1;
    private const int StreamType = 1;
    private const int SetDescriptorFlags = 2;
    private const int CloseOnExec = 1;

    /// <summary>Makes a pair.</summary>
    /// <param name="theirs">The descriptor that programs inherit, until it is closed with <see cref="Close"/>.</param>
    /// <returns>The socket of this process.</returns>
    /// <exception cref="Win32Exception">The system refuses.</exception>
    public static Socket Create(out int theirs)
    {
        Span<int> pair = stackalloc int[2];
        if (Libc.SocketPair(UnixFamily, StreamType, 0, pair) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        theirs = pair[1];
        _ = Libc.FileControl(pair[0], SetDescriptorFlags, CloseOnExec);
        return new(new SafeSocketHandle(pair[0], ownsHandle: true));
    }

    /// <summary>Closes the other end here; programs that have inherited it keep it.</summary>
    public static void Close(int theirs) => _ = Libc.Close(theirs);
}
