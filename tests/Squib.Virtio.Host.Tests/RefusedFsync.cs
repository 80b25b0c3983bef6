using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Squib.Virtio.Host.Tests;

/// <summary>Has the kernel answer <c>fsync</c> with an error, for one thread: a filter of system calls, which needs no privilege.</summary>
[SupportedOSPlatform("linux")]
internal static partial class RefusedFsync
{
    private const int SetNoNewPrivileges = 38;
    private const int SetFilter = 22;
    private const nint FilterMode = 2;
    private const int InputOutputError = 5;

    // Instructions of the filter: load a word, compare and skip, return.
    private const ushort LoadWord = 0x20;
    private const ushort JumpIfEqual = 0x15;
    private const ushort Return = 0x06;
    private const uint ReturnError = 0x0005_0000;
    private const uint ReturnAllow = 0x7fff_0000;

    private static uint Fsync => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 74,
        Architecture.Arm64 => 82,
        var other => throw new PlatformNotSupportedException($"The number of fsync is not known for {other}."),
    };

    /// <summary>Runs something on a thread of its own on which no <c>fsync</c> succeeds.</summary>
    internal static T Run<T>(Func<T> action)
    {
        Exception? error = null;
        T result = default!;
        // The filter goes with the thread, and nobody else has it.
        Thread thread = new(() =>
        {
            try
            {
                Begin();
                result = action();
            }
            catch (Exception e)
            {
                error = e;
            }
        });
        thread.Start();
        thread.Join();
        return error is null ? result : throw new InvalidOperationException("It failed on the thread without fsync.", error);
    }

    private static void Begin()
    {
        Instruction[] filter =
        [
            new(LoadWord, 0, 0, 0),
            new(JumpIfEqual, 0, 1, Fsync),
            new(Return, 0, 0, ReturnError | InputOutputError),
            new(Return, 0, 0, ReturnAllow),
        ];
        GCHandle pinned = GCHandle.Alloc(filter, GCHandleType.Pinned);
        try
        {
            Program program = new() { Length = (ushort)filter.Length, Filter = pinned.AddrOfPinnedObject() };
            if (Control(SetNoNewPrivileges, 1, 0) != 0 || Control(SetFilter, FilterMode, program) != 0)
                throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
        finally
        {
            pinned.Free();
        }
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nint value, nint zero, nint third = 0, nint fourth = 0);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nint mode, in Program program, nint third = 0, nint fourth = 0);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand);

    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public nint Filter;
    }
}
