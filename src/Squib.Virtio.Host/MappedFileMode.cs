namespace Squib.Virtio.Host;

/// <summary>What a guest may do with a mapped file.</summary>
public enum MappedFileMode
{
    /// <summary>Read and write; what it writes reaches the file.</summary>
    Shared,

    /// <summary>Read.</summary>
    ReadOnly,

    /// <summary>Read and write; what it writes is gone when the file is closed.</summary>
    Private,
}
