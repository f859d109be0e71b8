using System.Net;
using System.Net.Sockets;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class Container
{
    private readonly Lock _opening = new();
    private Resident? _resident;

    /// <summary>
    /// Opens a file of the container, as its programs see it, for reading here: a path in there that leads through
    /// links to a regular file, and not out of the container. A file of /proc that tells of its reader tells of this
    /// process.
    /// </summary>
    /// <exception cref="ArgumentException">The path is not absolute, or holds a NUL character.</exception>
    /// <exception cref="LaunchException">There is no such file, it is none, or the container has ended.</exception>
    /// <exception cref="IsolationUnavailableException">It is <see cref="Isolation.Restricted"/>.</exception>
    public async Task<FileStream> OpenReadAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("The path must be absolute, and without NUL.", nameof(path));
        }

        var cause = $"the file '{path}'";
        CheckHasNamespaces();
        var file = await OpenAsync(cause, stage => stage.OpenInside(path), cancellationToken).ConfigureAwait(false);
        if (Syscall.Status(file).IsRegularFile)
        {
            return new(file, FileAccess.Read);
        }

        file.Dispose();
        throw new LaunchException(
            $"openat2(\"{path}\")", cause, "openat2", Errno.EINVAL, "It is no regular file; only these are read.");
    }

    /// <summary>
    /// Listens in the container's own network, on an address that its programs can connect to, as the loopback's, and
    /// which this process accepts from until the socket is disposed, which the container's end does not do.
    /// </summary>
    /// <exception cref="ArgumentException">The container has the host's network: listen there without it.</exception>
    /// <exception cref="LaunchException">The address is taken or not there, or the container has ended.</exception>
    public Task<Socket> ListenAsync(IPEndPoint endPoint, CancellationToken cancellationToken = default) =>
        OpenSocketAsync(endPoint, stage => stage.Listen(endPoint), cancellationToken);

    /// <summary>
    /// Connects to a program of the container that listens in its own network, at an address as its programs see it.
    /// </summary>
    /// <exception cref="ArgumentException">The container has the host's network: connect there without it.</exception>
    /// <exception cref="LaunchException">Nothing listens there, or the container has ended.</exception>
    public Task<Socket> ConnectAsync(IPEndPoint endPoint, CancellationToken cancellationToken = default) =>
        OpenSocketAsync(endPoint, stage => stage.Connect(endPoint), cancellationToken);

    private async Task<Socket> OpenSocketAsync(
        IPEndPoint endPoint, Func<LaunchStage, Descriptor> open, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        if (!_options.AllNamespaces.HasFlag(NamespaceKinds.Network))
        {
            throw new ArgumentException(
                "The container has the host's network: use a Socket of your own there.", nameof(endPoint));
        }

        using var opened = await OpenAsync($"the address {endPoint}", open, cancellationToken).ConfigureAwait(false);
        var handle = new SafeSocketHandle(opened.DangerousGetHandle(), ownsHandle: true);
        opened.SetHandleAsInvalid();
        return new(handle);
    }

    private async Task<SafeFileHandle> OpenAsync(
        string cause, Func<LaunchStage, Descriptor> open, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var user = UserLookup.Find(_options);
        var resident = Inside();
        try
        {
            var part = LaunchPlan.Opening(cause, plan => _options.IdMap.Enter(plan, user.User, user.Group), open);
            return await resident.OpenAsync(part, cancellationToken).ConfigureAwait(false);
        }
        catch (LaunchException failure)
        {
            throw await _entrance.SaidOfEndAsync(failure).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The launcher in the container's namespaces, of which a live container has one once it was needed.
    /// </summary>
    private Resident Inside()
    {
        lock (_opening)
        {
            if (_resident is { IsThere: true })
            {
                return _resident;
            }

            // In its pid namespace it is no more than the host: nothing in there sees it.
            return _resident = _entrance.WithNamespaces(
                _options.AllNamespaces & ~NamespaceKinds.Pid,
                namespaces => Resident.Start(
                    _host.Launcher, LaunchPlan.Residing("the container's namespaces", namespaces)));
        }
    }

    /// <summary>Complains where a path of the container would be one of the host.</summary>
    private void CheckHasNamespaces()
    {
        if (_options.Restriction is not null)
        {
            throw new IsolationUnavailableException(
            [
                HostFinding.No("files of its own", new(
                    "The program was started without namespaces, and its files are the host's.",
                    "Use them by their paths there.")),
            ]);
        }
    }

    private void LeaveInside()
    {
        lock (_opening)
        {
            _resident?.Dispose();
        }
    }
}
