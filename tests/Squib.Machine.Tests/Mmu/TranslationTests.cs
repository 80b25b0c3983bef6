using Squib.Machine.Mmu;
using Xunit;

namespace Squib.Machine.Tests.Mmu;

public sealed class TranslationTests
{
    // Attributes; then who may do what: read, write, execute at EL1; the same at EL0.
    [Theory]
    [InlineData(0, "rwx --x")]
    [InlineData(1, "rw- rwx")] // EL0 may write: EL1 never executes
    [InlineData(2, "r-x --x")]
    [InlineData(3, "r-x r-x")]
    [InlineData(4, "rwx ---")]
    [InlineData(5, "rw- rw-")]
    [InlineData(8, "rw- --x")]
    [InlineData(9, "rw- rwx")]
    [InlineData(15, "r-- r--")]
    public void Rights_follow_from_the_attributes(int attributes, string rights)
    {
        var page = new Translation(0, (PageAttributes)attributes, 0, 3, FaultStatus.None);
        Assert.Equal(rights, $"{Rights(page, user: false, wxn: false)} {Rights(page, user: true, wxn: false)}");
    }

    [Theory]
    [InlineData(0, "rw- --x")]
    [InlineData(1, "rw- rw-")]
    [InlineData(3, "r-x r-x")]
    public void Nothing_writable_is_executed_with_WXN(int attributes, string rights)
    {
        var page = new Translation(0, (PageAttributes)attributes, 0, 3, FaultStatus.None);
        Assert.Equal(rights, $"{Rights(page, user: false, wxn: true)} {Rights(page, user: true, wxn: true)}");
    }

    private static string Rights(Translation page, bool user, bool wxn) => string.Concat(
        page.Permits(MemoryAccess.Read, user, wxn) ? 'r' : '-',
        page.Permits(MemoryAccess.Write, user, wxn) ? 'w' : '-',
        page.Permits(MemoryAccess.Fetch, user, wxn) ? 'x' : '-');
}
