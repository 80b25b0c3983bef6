using System.Globalization;
using Squib.Virtio.Tests.Queues;
using Xunit;

namespace Squib.Virtio.Tests.Hostile;

/// <summary>
/// Driver, backend, host and resets take turns in an order that a seed decides. SQUIB_SEED=n in the environment plays one seed again.
/// </summary>
public sealed class InterleavingTests
{
    [Fact]
    [Trait("Case", "Z14"), Trait("Case", "B19"), Trait("Case", "T32"), Trait("Case", "T33")]
    public void A_disk_answers_each_request_once_in_whatever_order_things_happen()
    {
        if (Environment.GetEnvironmentVariable("SQUIB_SEED") is { } given)
        {
            new DiskPlay(int.Parse(given, CultureInfo.InvariantCulture)).Run();
            return;
        }

        int resets = 0;
        for (int seed = 0; seed < LongRun.Rounds(2000, 200_000); seed++)
        {
            DiskPlay play = new(seed);
            try
            {
                play.Run();
            }
            catch (Exception e)
            {
                Assert.Fail($"SQUIB_SEED={seed} after {play.Steps} steps ({play.LastSteps}): {e}");
            }

            resets += play.PendingResets;
        }

        Assert.True(resets > 100, "Hardly a reset met a request under way.");
    }
}
