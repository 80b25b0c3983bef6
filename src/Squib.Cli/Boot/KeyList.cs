namespace Squib.Cli.Boot;

/// <summary>The text of an option such as <c>file=disk.img,ro</c>: keys with values, and keys without.</summary>
internal sealed class KeyList
{
    private readonly Dictionary<string, string?> values = [];
    private readonly string option;
    private readonly string form;

    private KeyList(string option, string form) => (this.option, this.form) = (option, form);

    /// <summary>Reads the text of an option.</summary>
    /// <param name="option">The option with its text, for messages.</param>
    /// <param name="text">The text; two commas in a value stand for one.</param>
    /// <param name="form">The form that the text has, for messages.</param>
    /// <param name="withValue">The keys that have a value.</param>
    /// <param name="alone">The keys that have none.</param>
    /// <exception cref="UserErrorException">A key is unknown, given twice or in the wrong form.</exception>
    public static KeyList Parse(string option, string text, string form, string[] withValue, params string[] alone)
    {
        KeyList list = new($"{option} {text}".TrimEnd(), form);
        string[] parts = text.Length == 0 ? [] : text.Replace(",,", "\0", StringComparison.Ordinal).Split(',');
        foreach (string part in parts.Select(part => part.Replace('\0', ',')))
        {
            string[] pair = part.Split('=', 2);
            bool hasValue = pair.Length == 2 && pair[1].Length > 0;
            bool isKnown = withValue.Contains(pair[0]) || alone.Contains(pair[0]);
            if (!isKnown) throw list.Error($"'{pair[0]}' is no key of it");
            bool isRight = withValue.Contains(pair[0]) ? hasValue : pair.Length == 1;
            if (!isRight || !list.values.TryAdd(pair[0], hasValue ? pair[1] : null))
                throw list.Error($"'{pair[0]}' is given twice or in the wrong form");
        }

        return list;
    }

    /// <summary>Whether a key was given.</summary>
    /// <param name="key">The key.</param>
    public bool Has(string key) => values.ContainsKey(key);

    /// <summary>The value of a key that must be given.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="UserErrorException">It was not.</exception>
    public string Require(string key) =>
        values.GetValueOrDefault(key) ?? throw Error($"there is no {key}=");

    /// <summary>The value of a key as a number of bytes.</summary>
    /// <param name="key">The key.</param>
    /// <param name="multiple">Of what it must be a multiple.</param>
    /// <param name="otherwise">The value where the key was not given.</param>
    /// <exception cref="UserErrorException">It is no size, or no such multiple.</exception>
    public long Size(string key, long multiple, long otherwise = 0)
    {
        if (!values.TryGetValue(key, out string? text)) return otherwise;
        long bytes = ByteSize.Parse(text!);
        return bytes % multiple == 0 ? bytes : throw Error($"{key} is not a multiple of {multiple >> 10} KiB");
    }

    /// <summary>What to throw when something is wrong with the option.</summary>
    /// <param name="what">What is wrong, without a full stop.</param>
    public UserErrorException Error(string what) => new($"{option}: {what}; the form is {form}.");
}
