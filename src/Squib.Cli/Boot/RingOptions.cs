using Squib.Virtio.Transport;

namespace Squib.Cli.Boot;

/// <summary>What the rings of all devices offer to the guest's drivers, as <c>--ring</c> describes it.</summary>
internal static class RingOptions
{
    private const string Form = "packed, in-order, notification-data, no-indirect, no-event-index, no-reset, with commas between";

    /// <summary>Reads the text of the option.</summary>
    /// <param name="text">Like <c>packed,no-indirect</c>; null and what is not named leave what is usual.</param>
    /// <exception cref="UserErrorException">A word is unknown or given twice.</exception>
    public static TransportOptions Parse(string? text)
    {
        if (text is null) return new();
        KeyList keys = KeyList.Parse(
            "--ring", text, Form, [],
            "packed", "in-order", "notification-data", "no-indirect", "no-event-index", "no-reset");
        return new()
        {
            RingPacked = keys.Has("packed"),
            InOrder = keys.Has("in-order"),
            NotificationData = keys.Has("notification-data"),
            IndirectDescriptors = !keys.Has("no-indirect"),
            EventIndex = !keys.Has("no-event-index"),
            RingReset = !keys.Has("no-reset"),
        };
    }
}
