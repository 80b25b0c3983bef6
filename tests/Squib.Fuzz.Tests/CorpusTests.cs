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
        long sum = FuzzTargets.Names.Sum(name => new FileInfo(Corpus.Find(name)).Length);
        Assert.InRange(sum, 1, MostBytes);
    }

    [Fact]
    public void A_corpus_is_read_as_it_was_written_in_an_order_of_its_own()
    {
        string folder = Directory.CreateTempSubdirectory("squib-corpus-").FullName;
        try
        {
            string first = Path.Combine(folder, "first.txt");
            string second = Path.Combine(folder, "second.txt");
            byte[][] inputs = [[9, 8], [], [255], [1, 2, 3], [255]];
            Corpus.Save(first, "any", inputs);
            Corpus.Save(second, "any", inputs.Reverse());
            Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
            Assert.Equal([[], [255], [1, 2, 3], [9, 8]], Corpus.Load(first));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_folder_of_single_inputs_is_a_corpus_too()
    {
        string folder = Directory.CreateTempSubdirectory("squib-corpus-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "b"), [2]);
            File.WriteAllBytes(Path.Combine(folder, "a"), [1, 1]);
            Assert.Equal([[1, 1], [2]], Corpus.Load(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
