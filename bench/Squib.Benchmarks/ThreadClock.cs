using System.Runtime.InteropServices;

namespace Squib.Benchmarks;

/// <summary>CPU time of the calling thread, which a busy machine disturbs less than wall time.</summary>
internal static partial class ThreadClock
{
    private const int ThreadCpuTime = 3;

    internal static double Nanoseconds()
    {
        if (!OperatingSystem.IsLinux()) return System.Diagnostics.Stopwatch.GetTimestamp() * (1e9 / System.Diagnostics.Stopwatch.Frequency);
        _ = ClockGetTime(ThreadCpuTime, out TimeSpec time);
        return (time.Seconds * 1e9) + time.Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
