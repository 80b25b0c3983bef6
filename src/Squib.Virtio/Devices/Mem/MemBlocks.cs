using System.Collections;

namespace Squib.Virtio.Devices.Mem;

/// <summary>Which blocks of a region are plugged: the state that outlives sessions.</summary>
internal sealed class MemBlocks
{
    private readonly BitArray plugged;

    internal MemBlocks(int count) => plugged = new(count);

    /// <summary>The number of plugged blocks.</summary>
    internal int Plugged { get; private set; }

    internal MemBlockState StateOf(int first, int count)
    {
        bool begins = plugged[first];
        for (int i = first + 1; i < first + count; i++)
        {
            if (plugged[i] != begins) return MemBlockState.Mixed;
        }

        return begins ? MemBlockState.Plugged : MemBlockState.Unplugged;
    }

    /// <summary>Changes blocks all of which are in the other state.</summary>
    internal void Set(int first, int count, bool isPlugged)
    {
        for (int i = first; i < first + count; i++) plugged[i] = isPlugged;
        Plugged += isPlugged ? count : -count;
    }

    /// <summary>The runs of plugged blocks, in order.</summary>
    internal List<(int First, int Count)> ToRuns()
    {
        List<(int First, int Count)> runs = [];
        for (int i = 0; i < plugged.Length; i++)
        {
            if (!plugged[i]) continue;
            int first = i;
            while (i < plugged.Length && plugged[i]) i++;
            runs.Add((first, i - first));
        }

        return runs;
    }
}
