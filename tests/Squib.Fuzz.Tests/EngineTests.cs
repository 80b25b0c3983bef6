using Squib.Fuzz.Engine;
using Xunit;

namespace Squib.Fuzz.Tests;

/// <summary>The machinery: it finds what is there to be found, and the same again.</summary>
public sealed class EngineTests
{
    [Fact]
    public void A_bug_behind_three_bytes_is_found_step_by_step_and_made_small()
    {
        FuzzRun run = new(new Executor(new Lock()), seed: 1, TextWriter.Null);
        run.Run([], TimeSpan.FromMinutes(2));
        Assert.Equal("open", run.Finding?.Message);
        Assert.Equal("key"u8.ToArray(), run.FailedInput);
    }

    [Fact]
    public void The_same_seed_leads_to_the_same_input()
    {
        byte[] parent = [1, 2, 3, 4, 5, 6, 7, 8];
        byte[][] Sequence()
        {
            Mutator mutator = new(new Random(7), maxBytes: 64);
            return [.. Enumerable.Range(0, 50).Select(_ => mutator.Mutate(parent, parent))];
        }

        Assert.Equal(Sequence(), Sequence());
    }

    [Fact]
    public void A_mutated_input_is_never_too_long()
    {
        Mutator mutator = new(new Random(1), maxBytes: 40);
        byte[] input = [];
        for (int i = 0; i < 2000; i++)
        {
            input = mutator.Mutate(input, input);
            Assert.InRange(input.Length, 0, 40);
        }
    }

    [Fact]
    public void An_execution_that_allocates_too_much_is_a_finding()
    {
        Assert.Contains("allocated", new Executor(new Glutton()).TryRun([])?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Inputs_that_show_nothing_of_their_own_are_left_out()
    {
        byte[][] inputs = ["k"u8.ToArray(), "kk"u8.ToArray(), "ke"u8.ToArray(), "kxx"u8.ToArray()];
        Assert.Equal(["ke"u8.ToArray()], FuzzRun.Minimise(new Lock(), inputs));
    }

    [Fact]
    public void A_byte_that_was_not_lent_and_a_byte_beside_the_memory_are_noticed()
    {
        GuestRam ram = new(4096);
        ram.Remember();
        ram.Main(GuestRam.Start + 100, 4).Fill(1);
        ram.Allow(GuestRam.Start + 100, 3);
        Assert.Contains("0x80000067", Assert.Throws<FindingException>(ram.CheckUnchanged).Message, StringComparison.Ordinal);
        ram.Allow(GuestRam.Start + 103, 1);
        ram.CheckUnchanged();
        ram.CheckBounds();
        ram.Main(ram.Next, 1).Fill(1);
        Assert.Throws<FindingException>(ram.CheckBounds);
    }

    /// <summary>Opens for the right bytes, and shows how many of them were right.</summary>
    private sealed class Lock : IFuzzTarget
    {
        public string Name => "lock";

        public string Purpose => "a bug to be found";

        public void Run(Script script, Behaviour behaviour)
        {
            int right = 0;
            foreach (byte letter in "key"u8)
            {
                if (script.Byte() != letter) break;
                behaviour.Saw(right++);
            }

            FindingException.ThrowIf(right == 3, "open");
        }
    }

    private sealed class Glutton : IFuzzTarget
    {
        public string Name => "glutton";

        public string Purpose => "too much memory";

        public void Run(Script script, Behaviour behaviour) => GC.KeepAlive(new byte[8 << 20]);
    }
}
