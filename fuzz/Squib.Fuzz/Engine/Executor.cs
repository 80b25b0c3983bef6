namespace Squib.Fuzz.Engine;

/// <summary>Runs inputs on one target and checks what holds for every target: it ends, and it allocates no more than it may.</summary>
internal sealed class Executor(IFuzzTarget target)
{
    private readonly Script script = new();
    private long startedAt;

    internal IFuzzTarget Target => target;

    internal Behaviour Behaviour { get; } = new();

    /// <summary>The input that is running.</summary>
    internal byte[] Input { get; private set; } = [];

    /// <summary>The number of executions so far.</summary>
    internal long Executions { get; private set; }

    /// <summary>How long the current execution has been running; zero between two.</summary>
    internal TimeSpan Elapsed => Volatile.Read(ref startedAt) is var start and not 0 ? TimeProvider.System.GetElapsedTime(start) : TimeSpan.Zero;

    /// <summary>Runs an input.</summary>
    /// <returns>Null, or what is wrong.</returns>
    internal Exception? TryRun(byte[] input)
    {
        Input = input;
        Executions++;
        script.Load(input);
        Behaviour.Begin();
        Volatile.Write(ref startedAt, TimeProvider.System.GetTimestamp());
        try
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            target.Run(script, Behaviour);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            return allocated > target.MaxAllocatedBytes ? new FindingException($"{allocated} bytes were allocated.") : null;
        }
        catch (Exception wrong)
        {
            return wrong;
        }
        finally
        {
            Volatile.Write(ref startedAt, 0);
        }
    }

    /// <summary>Leaves pieces of an input out as long as something stays as it is.</summary>
    internal byte[] Trim(byte[] input, Func<Exception?, bool> stays)
    {
        for (int piece = Math.Max(1, input.Length / 2); ; piece /= 2)
        {
            for (int at = 0; at < input.Length;)
            {
                byte[] shorter = [.. input.AsSpan(0, at), .. input.AsSpan(Math.Min(input.Length, at + piece))];
                if (stays(TryRun(shorter))) input = shorter;
                else at += piece;
            }

            if (piece == 1) return input;
        }
    }
}
