namespace Squib.Cli.Boot;

/// <summary>A file that is persistent memory, as <c>--pmem</c> describes it.</summary>
/// <param name="Path">The file.</param>
/// <param name="ReadOnly">Whether the guest may only read it.</param>
/// <param name="Private">Whether what the guest writes is forgotten.</param>
internal sealed record PmemFileOptions(string Path, bool ReadOnly, bool Private);
