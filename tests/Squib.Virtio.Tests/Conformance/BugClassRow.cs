namespace Squib.Virtio.Tests.Conformance;

/// <summary>Where a class of bugs is looked for in one device.</summary>
/// <param name="Class">The id of the class.</param>
/// <param name="Device">The device, or one of the words of <see cref="BugClasses"/>.</param>
/// <param name="What">The numbers of the guest or the moments that are meant; the reason where there are no tests.</param>
/// <param name="Tests">Ids of cases and names of tests.</param>
internal sealed record BugClassRow(string Class, string Device, string What, string[] Tests);
