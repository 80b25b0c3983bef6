namespace Squib.Boot.Tests;

/// <summary>A folder for the files of one test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("squib-test-");

    public string Path => folder.FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    /// <summary>A file that is a kernel by its header: enough for everything before the first instruction.</summary>
    public string WriteKernelHeader(string name = "Image")
    {
        byte[] image = new byte[4096];
        image[16 + 2] = 0x10; // image_size: 1 MiB
        image[24] = 0x0A; // flags: little-endian, 4 KiB pages, anywhere in memory
        "ARM\x64"u8.CopyTo(image.AsSpan(56));
        return Write(name, image);
    }

    /// <summary>Waits until a program has made a file or a socket.</summary>
    public async Task WaitForAsync(string name)
    {
        TaskCompletionSource made = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using FileSystemWatcher watcher = new(Path, name);
        watcher.Created += (_, _) => made.TrySetResult();
        watcher.EnableRaisingEvents = true;
        if (System.IO.File.Exists(File(name))) return;
        await made.Task.WaitAsync(Xunit.TestContext.Current.CancellationToken);
    }

    public void Dispose() => folder.Delete(recursive: true);
}
