using System.Numerics;
using System.Runtime.CompilerServices;

namespace Squib.Fuzz.Engine;

/// <summary>
/// What executions have shown: counters, faults, statuses, lengths, each with the place in the target that noted it. It stands for
/// coverage: nothing is instrumented, so what is fuzzed is what is shipped.
/// </summary>
internal sealed class Behaviour
{
    private const int Slots = 1 << 16;

    private readonly bool[] known = new bool[Slots];
    private readonly int[] lastRun = new int[Slots];
    private readonly ushort[] current = new ushort[Slots];
    private int count;
    private int run;

    /// <summary>The number of different things seen in all executions that were kept.</summary>
    internal int Known { get; private set; }

    /// <summary>What the current execution has shown.</summary>
    internal ReadOnlySpan<ushort> Current => current.AsSpan(0, count);

    /// <summary>Begins an execution.</summary>
    internal void Begin()
    {
        count = 0;
        run++;
    }

    /// <summary>Notes a value that is one of few: a status, a kind of fault.</summary>
    internal void Saw(long value, [CallerLineNumber] int line = 0, [CallerFilePath] string file = "")
    {
        uint hash = (uint)HashOf(file) ^ ((uint)line * 0x9e37_79b1u) ^ ((uint)value * 0x85eb_ca6bu) ^ (uint)(value >> 32);
        hash = (hash ^ (hash >> 15)) * 0xc2b2_ae35u;
        ushort slot = (ushort)(hash ^ (hash >> 16));
        if (lastRun[slot] == run) return;
        lastRun[slot] = run;
        current[count++] = slot;
    }

    /// <summary>Notes the magnitude of a value that may be anything.</summary>
    internal void SawAbout(ulong value, [CallerLineNumber] int line = 0, [CallerFilePath] string file = "") =>
        Saw(value < 4 ? (long)value : 2 + BitOperations.Log2(value), line, file);

    /// <summary>Whether the current execution has shown something for the first time.</summary>
    internal bool IsNew()
    {
        foreach (ushort slot in Current)
        {
            if (!known[slot]) return true;
        }

        return false;
    }

    /// <summary>Remembers what the current execution has shown.</summary>
    internal void Keep()
    {
        foreach (ushort slot in Current)
        {
            if (known[slot]) continue;
            known[slot] = true;
            Known++;
        }
    }

    // Only the name: the folders are different on every machine.
    private static int HashOf(string file)
    {
        int hash = 0;
        for (int i = file.Length - 1; i >= 0 && file[i] is not ('/' or '\\'); i--) hash = (hash * 31) + file[i];
        return hash;
    }
}
