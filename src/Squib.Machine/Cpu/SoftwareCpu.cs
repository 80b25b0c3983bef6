namespace Squib.Machine.Cpu;

/// <summary>An arm64 CPU in software.</summary>
public sealed class SoftwareCpu
{
}
