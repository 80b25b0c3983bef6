using Squib.Fuzz.Engine;
using Xunit;

namespace Squib.Fuzz.Tests;

/// <summary>What fuzzing has found worth keeping is run again.</summary>
public sealed class CorpusTests
{
    private const long MostBytes = 1 << 20;

    public static TheoryData<string> Targets => [.. FuzzTargets.Names];

    [Theory, MemberData(nameof(Targets))]
    public void Nothing_in_the_corpus_is_a_finding(string name)
    {
        Executor executor = new(FuzzTargets.TryCreate(name)!);
        List<byte[]> corpus = Corpus.Load(Corpus.Find(name));
        Assert.NotEmpty(corpus);
        foreach (byte[] input in corpus)
        {
            Exception? wrong = executor.TryRun(input);
            Assert.True(wrong is null, $"{Corpus.NameOf(input)}: {wrong}");
        }
    }

    [Fact]
    public void The_corpora_are_small()
    {
        long sum = FuzzTargets.Names.Sum(name => Corpus.Load(Corpus.Find(name)).Sum(input => (long)input.Length));
        Assert.InRange(sum, 1, MostBytes);
    }
}
