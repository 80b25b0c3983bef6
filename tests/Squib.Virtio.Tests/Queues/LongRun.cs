namespace Squib.Virtio.Tests.Queues;

/// <summary>
/// How long the tests that find more the longer they run do so: SQUIB_LONG=1 in the environment makes it long.
/// </summary>
internal static class LongRun
{
    public static bool IsOn => Environment.GetEnvironmentVariable("SQUIB_LONG") == "1";

    public static int Rounds(int usually, int inLongRuns) => IsOn ? inLongRuns : usually;
}
