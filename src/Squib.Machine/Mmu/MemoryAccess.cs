namespace Squib.Machine.Mmu;

/// <summary>What an access to memory is for.</summary>
internal enum MemoryAccess
{
    /// <summary>A load.</summary>
    Read,

    /// <summary>A store.</summary>
    Write,

    /// <summary>The fetch of an instruction.</summary>
    Fetch,
}
