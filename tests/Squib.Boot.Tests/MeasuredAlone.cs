using Xunit;

namespace Squib.Boot.Tests;

/// <summary>Tests that measure the whole process, and so run when no other test does.</summary>
[CollectionDefinition(nameof(MeasuredAlone), DisableParallelization = true)]
public sealed class MeasuredAlone;
