using System.Security.Cryptography;
using System.Text;

namespace Squib.Cli.Demo;

/// <summary>The file that the guest fetches over the network, and how a web server answers for it.</summary>
internal sealed class DemoFile
{
    private const int Bytes = 1 << 20;

    private readonly byte[] content = RandomNumberGenerator.GetBytes(Bytes);

    /// <summary>The sum of the file as the guest tells it: the first 16 digits of its SHA-256.</summary>
    public string Sum => Convert.ToHexStringLower(SHA256.HashData(content))[..16];

    /// <summary>Answers a request.</summary>
    /// <param name="requestLine">Its first line, such as <c>GET / HTTP/1.1</c>.</param>
    /// <returns>The whole answer; the connection ends behind it.</returns>
    public byte[] AnswerTo(string requestLine) => requestLine.StartsWith("GET / ", StringComparison.Ordinal)
        ? [.. Head("200 OK", content.Length), .. content]
        : Head("404 Not Found", 0);

    private static byte[] Head(string status, int bytes) => Encoding.ASCII.GetBytes(
        $"HTTP/1.0 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {bytes}\r\n\r\n");
}
