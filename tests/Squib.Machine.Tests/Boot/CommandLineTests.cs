using Squib.Machine.Boot;
using Xunit;

namespace Squib.Machine.Tests.Boot;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("", "console=ttyAMA0 panic=1")]
    [InlineData("  quiet   root=/dev/vda ", "quiet root=/dev/vda console=ttyAMA0 panic=1")]
    [InlineData("console=hvc0", "console=hvc0 panic=1")]
    [InlineData("panic=0 quiet", "panic=0 quiet console=ttyAMA0")]
    [InlineData("console=ttyAMA0 panic=-1", "console=ttyAMA0 panic=-1")]
    [InlineData("earlyconsole=x oops_panic=1", "earlyconsole=x oops_panic=1 console=ttyAMA0 panic=1")]
    [InlineData("quiet -- console=x", "quiet console=ttyAMA0 panic=1 -- console=x")]
    public void Console_and_panic_are_added_where_they_are_missing(string given, string expected) =>
        Assert.Equal(expected, CommandLine.Complete(given));

    [Fact]
    public void A_line_that_the_kernel_would_cut_is_refused_with_the_excess()
    {
        string longest = "console=x panic=1 " + new string('x', 2047 - 18);
        Assert.Equal(longest, CommandLine.Complete(longest));
        ArgumentException refusal = Assert.Throws<ArgumentException>(() => CommandLine.Complete(longest + "xxx"));
        Assert.Equal("The command line is 2050 bytes long, 3 more than a kernel reads.", refusal.Message);
    }
}
