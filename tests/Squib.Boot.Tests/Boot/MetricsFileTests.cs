using Squib.Cli;
using Squib.Cli.Boot;
using Squib.Virtio.Devices.Rng;
using Squib.Virtio.Interrupts;
using Squib.Virtio.Memory;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class MetricsFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly SteppedTime time = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_file_is_written_at_once_every_second_and_at_the_end()
    {
        const string Line = "squib_virtio_notifications_total{device=\"entropy\",name=\"a \\\"b\\\\\",queue=\"0\"} 0";
        string path = folder.File("squib.prom");
        await using VirtioMmioTransport transport = Attach("a \"b\\");
        using (MetricsFile file = new(path, time))
        {
            AssertWritten();
            Assert.Equal(TimeSpan.FromSeconds(1), time.Period);
            time.Step();
            AssertWritten();
        }

        AssertWritten();
        Assert.False(time.IsArmed);
        time.Step();
        Assert.False(File.Exists(path));

        void AssertWritten()
        {
            string[] lines = File.ReadAllLines(path);
            Assert.Contains(Line, lines);
            Assert.Contains("# TYPE squib_virtio_notifications_total counter", lines);
            Assert.Contains("# TYPE squib_virtio_request_duration_seconds histogram", lines);
            Assert.All(lines, line => Assert.Matches("""^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{([a-z]+="([^"\\]|\\.)*",?)+\} [-0-9.E]+)$""", line));
            Assert.Equal([path], Directory.GetFiles(folder.Path));
            File.Delete(path);
        }
    }

    [Fact]
    public void A_disk_that_fails_for_a_while_costs_only_versions_of_the_file()
    {
        Directory.CreateDirectory(folder.File("sub"));
        string path = folder.File("sub/squib.prom");
        using MetricsFile file = new(path, time);
        Directory.Delete(folder.File("sub"), recursive: true);
        time.Step();
        Directory.CreateDirectory(folder.File("sub"));
        time.Step();
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData("", "it is a directory")]
    [InlineData("none/file", "there is no such")]
    public void A_file_that_cannot_be_written_is_refused(string name, string expected)
    {
        UserErrorException error = Assert.Throws<UserErrorException>(() => new MetricsFile(folder.File(name), time));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.False(time.IsArmed);
    }

    [Fact]
    public void A_bucket_counts_those_before_it_too()
    {
        System.Text.StringBuilder text = new();
        DurationBuckets buckets = new([0.001, 0.5]);
        foreach (double value in (double[])[0.001, 0.25, 0.5, 2]) buckets.Add(value);
        buckets.Append(text, "d", "a=\"b\"");
        Assert.Equal(
            """
            d_bucket{a="b",le="0.001"} 1
            d_bucket{a="b",le="0.5"} 3
            d_bucket{a="b",le="+Inf"} 4
            d_sum{a="b"} 2.751
            d_count{a="b"} 4

            """.ReplaceLineEndings("\n"), text.ToString());
    }

    private static VirtioMmioTransport Attach(string name)
    {
        GuestMemory memory = new(new GuestRegion(0x4000_0000, new byte[4096]));
        return new(new RngDevice(), memory, new IrqLine(new NoGic(), new Slot(0).Interrupt), new() { Name = name });
    }

    private sealed class NoGic : IGic
    {
        public void PulseSpi(IntId id)
        {
        }

        public void SetSpiLevel(IntId id, bool asserted)
        {
        }
    }

    /// <summary>A clock with one timer, which fires when a test says so.</summary>
    private sealed class SteppedTime : TimeProvider, ITimer
    {
        private Action? fire;

        internal TimeSpan Period { get; private set; }

        internal bool IsArmed => fire is not null;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            fire = () => callback(state);
            Period = period;
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose() => fire = null;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void Step() => fire?.Invoke();
    }
}
