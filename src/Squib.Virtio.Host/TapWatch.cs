using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Squib.Virtio.Host;

/// <summary>Waits for all TAP interfaces of the process on one thread, which .NET does for sockets but not for other files.</summary>
internal static class TapWatch
{
    /// <summary>A read brings something, or an error.</summary>
    internal const int Readable = 0x001;

    /// <summary>A write is taken, or brings an error.</summary>
    internal const int Writable = 0x004;

    private const int Error = 0x008;
    private const int HangUp = 0x010;
    private const int OneShot = 1 << 30;

    private const int AddFile = 1;
    private const int RemoveFile = 2;
    private const int ChangeFile = 3;

    private const int CloseOnExec = 0x80000;
    private const int EventsPerWait = 64;

    // On x86-64 the structure has no padding, elsewhere it has.
    private static readonly int IdOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int EventBytes = IdOffset + sizeof(long);

    private static readonly ConcurrentDictionary<long, Registration> Registered = [];
    private static readonly Lazy<int> Watcher = new(Start);
    private static long lastId;

    /// <summary>Begins to watch a file, for nothing at first.</summary>
    /// <param name="file">The file.</param>
    /// <param name="ready">Called on the watching thread with what it is ready for.</param>
    internal static Registration Add(SafeFileHandle file, Action<int> ready)
    {
        Registration added = new(file, Interlocked.Increment(ref lastId), ready);
        Registered[added.Id] = added;
        Control(AddFile, added, OneShot);
        return added;
    }

    private static int Start()
    {
        int watcher = Libc.CreateWatcher(CloseOnExec);
        if (watcher < 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        new Thread(() => Run(watcher)) { IsBackground = true, Name = "Squib TAP watch" }.Start();
        return watcher;
    }

    private static void Run(int watcher)
    {
        byte[] events = new byte[EventsPerWait * EventBytes];
        while (true)
        {
            int count = Libc.WaitForEvents(watcher, events, EventsPerWait, -1);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> one = events.AsSpan(i * EventBytes, EventBytes);
                if (Registered.TryGetValue(MemoryMarshal.Read<long>(one[IdOffset..]), out Registration? registration))
                    registration.OnReady(MemoryMarshal.Read<int>(one));
            }
        }
    }

    private static void Control(int operation, Registration registration, int events)
    {
        Span<byte> request = stackalloc byte[16];
        MemoryMarshal.Write(request, events);
        MemoryMarshal.Write(request[IdOffset..], registration.Id);
        _ = Libc.ControlWatcher(Watcher.Value, operation, registration.File, request);
    }

    /// <summary>A file that is watched.</summary>
    internal sealed class Registration : IDisposable
    {
        private readonly Lock gate = new();
        private readonly Action<int> ready;
        private int wanted;
        private bool disposed;

        internal Registration(SafeFileHandle file, long id, Action<int> ready)
        {
            File = file;
            Id = id;
            this.ready = ready;
        }

        internal SafeFileHandle File { get; }

        internal long Id { get; }

        /// <summary>Asks to be told once when the file is ready, even if it is so already.</summary>
        internal void Arm(int events)
        {
            lock (gate)
            {
                if (disposed || (wanted & events) == events) return;
                wanted |= events;
                Control(ChangeFile, this, wanted | OneShot);
            }
        }

        public void Dispose()
        {
            lock (gate)
            {
                if (disposed) return;
                disposed = true;
                Control(RemoveFile, this, 0);
            }

            Registered.TryRemove(Id, out _);
        }

        internal void OnReady(int events)
        {
            if ((events & (Error | HangUp)) != 0) events |= Readable | Writable;
            int told;
            lock (gate)
            {
                if (disposed) return;
                told = events & wanted;
                wanted &= ~events;
                if (wanted != 0) Control(ChangeFile, this, wanted | OneShot);
            }

            if (told != 0) ready(told);
        }
    }
}
