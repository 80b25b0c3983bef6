namespace Squib.Virtio.Devices.Vsock;

/// <summary>Who answers when the guest asks for a connection to the host.</summary>
public interface IVsockBackend
{
    /// <summary>Answers a request, now or later; the call itself does not wait, since all of the guest's packets do.</summary>
    /// <param name="request">The request, to be accepted or refused. After a timeout it is refused anyway.</param>
    void Connect(VsockRequest request);
}
