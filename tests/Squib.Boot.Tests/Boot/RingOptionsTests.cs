using Squib.Cli;
using Squib.Cli.Boot;
using Squib.Virtio.Transport;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class RingOptionsTests
{
    [Fact]
    public void Without_the_option_the_rings_are_the_usual_ones() => Assert.Equal(new(), RingOptions.Parse(null));

    [Fact]
    public void Each_word_changes_what_it_names()
    {
        TransportOptions usual = new();
        Assert.Equal(usual with { RingPacked = true }, RingOptions.Parse("packed"));
        Assert.Equal(usual with { InOrder = true, NotificationData = true }, RingOptions.Parse("in-order,notification-data"));
        Assert.Equal(
            usual with { IndirectDescriptors = false, EventIndex = false, RingReset = false },
            RingOptions.Parse("no-reset,no-event-index,no-indirect"));
    }

    [Theory]
    [InlineData("split")]
    [InlineData("packed,packed")]
    [InlineData("packed=on")]
    [InlineData("packed,")]
    public void Another_word_is_refused_with_those_that_there_are(string text)
    {
        UserErrorException error = Assert.Throws<UserErrorException>(() => RingOptions.Parse(text));
        Assert.StartsWith($"--ring {text}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("the form is packed, in-order", error.Message, StringComparison.Ordinal);
    }
}
