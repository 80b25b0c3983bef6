using System.Buffers.Binary;

namespace Squib.Cli.Demo.Peer;

/// <summary>Leases the one address that there is to whoever asks (RFC 2131); it keeps nothing.</summary>
internal static class DhcpServer
{
    /// <summary>The server's UDP port.</summary>
    public const ushort Port = 67;

    /// <summary>The client's UDP port.</summary>
    public const ushort ClientPort = 68;

    /// <summary>The number of bytes of every answer, which is BOOTP's least.</summary>
    public const int AnswerBytes = 300;

    private const byte Request = 1;
    private const byte Reply = 2;
    private const int FlagsOffset = 10;
    private const int ClientAddressOffset = 12;
    private const int YourAddressOffset = 16;
    private const int HardwareAddressOffset = 28;
    private const int CookieOffset = 236;
    private const int OptionsOffset = 240;
    private const uint Cookie = 0x6382_5363;
    private const uint LeaseSeconds = 3600;

    private const byte Discover = 1;
    private const byte Offer = 2;
    private const byte Wish = 3;
    private const byte Ack = 5;
    private const byte Nak = 6;

    private const byte MaskOption = 1;
    private const byte RouterOption = 3;
    private const byte WishedAddressOption = 50;
    private const byte LeaseOption = 51;
    private const byte TypeOption = 53;
    private const byte ServerOption = 54;
    private const byte PadOption = 0;
    private const byte EndOption = 255;

    /// <summary>Answers a message.</summary>
    /// <param name="message">The client's message.</param>
    /// <param name="answer">Where the answer goes, <see cref="AnswerBytes"/> bytes.</param>
    /// <returns>Whether there is an answer: to DISCOVER an offer, to REQUEST an acknowledgement or its refusal.</returns>
    public static bool TryAnswer(ReadOnlySpan<byte> message, Span<byte> answer)
    {
        if (message.Length < OptionsOffset || message[0] != Request
            || BinaryPrimitives.ReadUInt32BigEndian(message[CookieOffset..]) != Cookie)
            return false;
        ReadOnlySpan<byte> options = message[OptionsOffset..];
        // Whoever chose another server's offer does not mean this one.
        if (Find(options, ServerOption) is { } server && server != PeerAddress.Host) return false;
        byte? type = (Find(options, TypeOption) >> 24) switch
        {
            Discover => Offer,
            // Who renews tells the address that it has, who is new the one that was offered.
            Wish when (Find(options, WishedAddressOption)
                ?? BinaryPrimitives.ReadUInt32BigEndian(message[ClientAddressOffset..])) == PeerAddress.Guest => Ack,
            Wish => Nak,
            _ => null,
        };
        if (type is null) return false;
        Write(message, answer[..AnswerBytes], type.Value);
        return true;
    }

    private static void Write(ReadOnlySpan<byte> message, Span<byte> answer, byte type)
    {
        // Transaction id, flags and the client's Ethernet address come back as they were.
        answer.Clear();
        message[..ClientAddressOffset].CopyTo(answer);
        message[HardwareAddressOffset..(HardwareAddressOffset + 16)].CopyTo(answer[HardwareAddressOffset..]);
        answer[0] = Reply;
        BinaryPrimitives.WriteUInt16BigEndian(answer[(FlagsOffset - 2)..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(answer[CookieOffset..], Cookie);
        Span<byte> options = answer[OptionsOffset..];
        options[0] = TypeOption;
        options[1] = 1;
        options[2] = type;
        options = Append(options[3..], ServerOption, PeerAddress.Host);
        if (type != Nak)
        {
            BinaryPrimitives.WriteUInt32BigEndian(answer[YourAddressOffset..], PeerAddress.Guest);
            options = Append(options, MaskOption, PeerAddress.Mask);
            options = Append(options, RouterOption, PeerAddress.Host);
            options = Append(options, LeaseOption, LeaseSeconds);
        }

        options[0] = EndOption;
    }

    private static Span<byte> Append(Span<byte> options, byte name, uint value)
    {
        options[0] = name;
        options[1] = sizeof(uint);
        BinaryPrimitives.WriteUInt32BigEndian(options[2..], value);
        return options[6..];
    }

    /// <summary>The first four bytes of an option, zeros where it is shorter; null if it is not there.</summary>
    private static uint? Find(ReadOnlySpan<byte> options, byte name)
    {
        while (options.Length > 0 && options[0] != EndOption)
        {
            if (options[0] == PadOption)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length - 2 < options[1]) return null;
            ReadOnlySpan<byte> value = options.Slice(2, options[1]);
            if (options[0] == name)
            {
                Span<byte> padded = stackalloc byte[4];
                padded.Clear();
                value[..Math.Min(value.Length, padded.Length)].CopyTo(padded);
                return BinaryPrimitives.ReadUInt32BigEndian(padded);
            }

            options = options[(2 + value.Length)..];
        }

        return null;
    }
}
