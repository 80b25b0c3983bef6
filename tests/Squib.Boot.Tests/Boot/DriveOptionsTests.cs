using Squib.Cli;
using Squib.Cli.Boot;
using Xunit;

namespace Squib.Boot.Tests.Boot;

public sealed class DriveOptionsTests
{
    [Fact]
    public void Keys_may_come_in_any_order()
    {
        DriveOptions drive = DriveOptions.Parse("serial=ONE,ro,direct,file=a disk.img");
        Assert.Equal(new DriveOptions { Path = "a disk.img", ReadOnly = true, Direct = true, Serial = "ONE" }, drive);
    }

    [Fact]
    public void Two_commas_stand_for_one_in_a_name() =>
        Assert.Equal("a,b=c.img", DriveOptions.Parse("file=a,,b=c.img").Path);

    [Theory]
    [InlineData("disk.img")]
    [InlineData("file=a,readonly")]
    [InlineData("file=a,ro=on")]
    [InlineData("file=a,direct,direct")]
    [InlineData("file=a,file=b")]
    [InlineData("file=")]
    [InlineData("file=a,")]
    [InlineData("serial=ONE")]
    [InlineData("file=a,serial=123456789012345678901")]
    public void A_wrong_key_is_refused_and_named(string text)
    {
        UserErrorException error = Assert.Throws<UserErrorException>(() => DriveOptions.Parse(text));
        Assert.Contains($"--drive {text}: ", error.Message, StringComparison.Ordinal);
    }
}
