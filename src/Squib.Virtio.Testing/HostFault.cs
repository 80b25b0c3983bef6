namespace Squib.Virtio.Testing;

/// <summary>What can go wrong with one call of a backend.</summary>
public enum HostFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The call fails with EIO and has moved nothing.</summary>
    IoError,

    /// <summary>The call fails with ENOSPC and has moved nothing.</summary>
    NoSpace,

    /// <summary>The call fails because the host has closed what is behind the backend.</summary>
    Closed,

    /// <summary>The call moves the first half of the bytes and then fails with EIO.</summary>
    FailsHalfway,

    /// <summary>The call moves the first half of the bytes and says that it was all.</summary>
    Short,

    /// <summary>The call moves nothing and says that it was all.</summary>
    NoProgress,

    /// <summary>The call is not done until the test completes it, which may be never.</summary>
    Late,

    /// <summary>
    /// As <see cref="Late"/>, and then a disk completes the request twice, which no backend may do; others do it once.
    /// </summary>
    Twice,
}
