using Squib.Machine.Cpu;
using Xunit;

namespace Squib.Machine.Tests.Cpu;

public sealed unsafe class DecodeTableTests
{
    [Fact]
    public void No_two_rows_of_the_same_specificity_match_the_same_word()
    {
        var random = new Random(1);
        IReadOnlyList<DecodeRow> rows = InstructionSet.Table.Rows;
        foreach (IGrouping<int, DecodeRow> group in rows.GroupBy(row => row.FixedBits))
        {
            DecodeRow[] same = [.. group];
            for (int i = 0; i < same.Length; i++)
            {
                for (int j = i + 1; j < same.Length; j++) AssertDisjoint(same[i], same[j], random);
            }
        }
    }

    [Fact]
    public void A_row_is_found_by_a_word_that_only_it_matches()
    {
        foreach (DecodeRow row in InstructionSet.Table.Rows)
        {
            var random = new Random(2);
            int tries = 0;
            while (InstructionSet.Table.Find(row.Value | ((uint)random.NextInt64() & ~row.Mask)) != row)
                Assert.True(++tries < 100_000, $"No word is {row.Name}.");
        }
    }

    [Fact]
    public void The_row_with_more_fixed_bits_wins()
    {
        var table = new DecodeTable();
        table.Add("rest:31 1", "odd", &Nothing);
        table.Add("0000 rest:27 1", "small and odd", &Nothing);

        Assert.Equal("small and odd", table.Find(0x0000_0001)!.Name);
        Assert.Equal("odd", table.Find(0x1000_0001)!.Name);
        Assert.Null(table.Find(0x1000_0000));
    }

    [Fact]
    public void A_row_does_not_match_a_word_that_its_condition_excludes()
    {
        var table = new DecodeTable();
        table.Add("0000 rest:28", "even", &Nothing, word => word % 2 == 0);

        Assert.NotNull(table.Find(2));
        Assert.Null(table.Find(3));
    }

    [Theory]
    [InlineData("0000 Rd:5")]
    [InlineData("00000000 00000000 00000000 00000000 0")]
    [InlineData("0012 rest:28")]
    [InlineData("0000 rest:x")]
    [InlineData("0000 rest:-1 more:29")]
    public void A_pattern_that_is_not_32_bits_is_refused(string pattern) =>
        Assert.Throws<ArgumentException>(() => new DecodeTable().Add(pattern, "wrong", &Nothing));

    private static void AssertDisjoint(DecodeRow a, DecodeRow b, Random random)
    {
        if (((a.Value ^ b.Value) & a.Mask & b.Mask) != 0) return;
        for (int i = 0; i < 20_000; i++)
        {
            uint word = a.Value | b.Value | ((uint)random.NextInt64() & ~(a.Mask | b.Mask));
            Assert.False(a.Matches(word) && b.Matches(word), $"{word:x8} is both {a.Name} and {b.Name}.");
        }
    }

    private static Op* Nothing(CpuState* s, Op* op) => op + 1;
}
