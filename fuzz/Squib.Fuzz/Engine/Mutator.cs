namespace Squib.Fuzz.Engine;

/// <summary>Makes new inputs of old ones.</summary>
internal sealed class Mutator(Random random, int maxBytes)
{
    internal byte[] Mutate(byte[] parent, byte[] other)
    {
        List<byte> bytes = [.. parent];
        for (int rounds = 1 << random.Next(4); rounds > 0; rounds--) MutateOnce(bytes, other);
        if (bytes.Count > maxBytes) bytes.RemoveRange(maxBytes, bytes.Count - maxBytes);
        return [.. bytes];
    }

    private void MutateOnce(List<byte> bytes, byte[] other)
    {
        if (bytes.Count == 0)
        {
            Insert(bytes, Fresh(1 + random.Next(64)));
            return;
        }

        int at = random.Next(bytes.Count);
        switch (random.Next(10))
        {
            case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 1: bytes[at] = (byte)random.Next(256); break;
            case 2: bytes[at] += (byte)(random.Next(9) - 4); break;
            case 3: bytes.RemoveRange(at, random.Next(Math.Min(16, bytes.Count - at)) + 1); break;
            case 4: Insert(bytes, Fresh(1 + random.Next(16))); break;
            case 5: Insert(bytes, [.. bytes.Skip(at).Take(1 + random.Next(32))]); break;
            case 6: Overwrite(bytes, at, Fresh(1 + random.Next(8))); break;
            case 7: Insert(bytes, Cut(other)); break;
            case 8: Overwrite(bytes, at, Cut(other)); break;
            default:
                // The beginning of one and the end of another.
                bytes.RemoveRange(at, bytes.Count - at);
                bytes.AddRange(other.AsSpan(Math.Min(at, other.Length)));
                break;
        }
    }

    private byte[] Fresh(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private byte[] Cut(byte[] other)
    {
        int from = random.Next(other.Length + 1);
        return other[from..Math.Min(other.Length, from + 1 + random.Next(48))];
    }

    private void Insert(List<byte> bytes, byte[] more) => bytes.InsertRange(random.Next(bytes.Count + 1), more);

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (int i = 0; i < with.Length && at + i < bytes.Count; i++) bytes[at + i] = with[i];
    }
}
