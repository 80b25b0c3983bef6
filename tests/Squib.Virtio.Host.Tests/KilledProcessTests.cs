using System.Diagnostics;
using System.Text;
using Squib.Virtio.Victim;
using Xunit;

namespace Squib.Virtio.Host.Tests;

/// <summary>
/// A process with a disk is killed at a moment that nobody chose well: what the driver was told is safe is in the image.
/// </summary>
public sealed class KilledProcessTests : IDisposable
{
    private const int MostBatches = 200;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-test-");

    /// <summary>20 kills; SQUIB_LONG=1 makes it 200.</summary>
    private static int Kills => Environment.GetEnvironmentVariable("SQUIB_LONG") == "1" ? 200 : 20;

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task What_was_acknowledged_survives_the_death_of_the_process()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGKILL.");
        int first = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seeds from {first} on");
        long acknowledged = 0;
        for (int seed = first; seed != first + Kills; seed++) acknowledged += await KillOneAsync(seed);
        TestContext.Current.TestOutputHelper?.WriteLine($"{Kills} kills, {acknowledged} batches acknowledged");
    }

    /// <summary>Starts a writer, kills it, and looks at its disk.</summary>
    /// <returns>The number of batches that it was told are safe.</returns>
    private async Task<int> KillOneAsync(int seed)
    {
        Random random = new(seed);
        int killAfter = random.Next(1, MostBatches);
        string[] words = [.. ((string[])["through", "direct", "packed"]).Where(_ => random.Next(2) == 0)];
        string path = Path.Combine(folder.FullName, $"{seed}.img");
        using (FileStream image = new(path, FileMode.CreateNew)) image.SetLength(WriteSequence.Sectors * WriteSequence.SectorBytes);
        string run = $"seed {seed} {string.Join(' ', words)}, killed after batch {killAfter}";

        ProcessStartInfo start = new(Dotnet, [Path.Combine(AppContext.BaseDirectory, "Squib.Virtio.Victim.dll"), path, $"{seed}", .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process victim = Process.Start(start)!;
        Task<string> error = victim.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        StringBuilder printed = new();
        for (int batch = 1; batch <= killAfter && await victim.StandardOutput.ReadLineAsync() is { } line; batch++)
            printed.Append(line).Append('\n');
        victim.Kill();
        printed.Append(await victim.StandardOutput.ReadToEndAsync());
        await victim.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(await error == "", $"{run}: {await error}");

        // The last line may be cut off; a number counts when its line is whole.
        int acknowledged = printed.ToString().Count(character => character == '\n');
        Assert.InRange(acknowledged, killAfter, int.MaxValue);
        Check(await File.ReadAllBytesAsync(path), seed, acknowledged, run);
        File.Delete(path);
        return acknowledged;
    }

    private static void Check(byte[] image, int seed, int acknowledged, string run)
    {
        WriteSequence sequence = new(seed);
        int[] safe = new int[WriteSequence.Sectors];
        for (int batch = 1; batch <= acknowledged; batch++)
        {
            foreach (int sector in sequence.Next()) safe[sector] = batch;
        }

        // Of the batch that was under way, each sector may be there or not; nothing of a later one can be.
        HashSet<int> underWay = [.. sequence.Next()];
        for (int sector = 0; sector < WriteSequence.Sectors; sector++)
        {
            ReadOnlySpan<byte> found = image.AsSpan(sector * WriteSequence.SectorBytes, WriteSequence.SectorBytes);
            bool isRight = found.SequenceEqual(Expected(safe[sector], sector))
                || (underWay.Contains(sector) && found.SequenceEqual(Expected(acknowledged + 1, sector)));
            Assert.True(isRight, $"{run}, {acknowledged} acknowledged: sector {sector} holds {Convert.ToHexString(found[..16])}.");
        }
    }

    private static byte[] Expected(int batch, int sector) =>
        batch == 0 ? new byte[WriteSequence.SectorBytes] : WriteSequence.Stamp(batch, sector);

    private static string Dotnet => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
}
