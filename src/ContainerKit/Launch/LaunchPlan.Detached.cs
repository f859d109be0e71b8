using System.Runtime.InteropServices;

namespace ContainerKit.Launch;

/// <summary>
/// A container that outlives its host: what happens is told to a file instead of a channel, and asked for by a FIFO.
/// </summary>
internal sealed partial class LaunchPlan
{
    private const int NumberLength = 16;

    private (Descriptor Asked, Descriptor Told)? _detached;

    /// <summary>
    /// Detaches it. A FIFO that is open for both directions has no end. The file begins with the number of the
    /// supervisor, as 16 characters, and then has messages; it is as long beforehand: a full disk must not lose them.
    /// The lock says that the supervisor lives.
    /// </summary>
    public void Detach(SafeHandle asked, SafeHandle told, SafeHandle locked)
    {
        Because("the detached container's files");
        _detached = (Inherit(asked), Inherit(told));
        Hold(told); // the first of what the supervisor holds
        Hold(locked);
        var number = _first.Add("0000000000      "u8);
        Outside.GetProcessId();
        Outside.KeepDigits(number + (int)StoreAs.Digits);
        Outside.Write(_detached.Value.Told, number, NumberLength);
    }

    /// <summary>Whoever stays keeps no file system of its starter's busy.</summary>
    private static void LeaveDirectory(LaunchStage stage)
    {
        var root = stage.OpenDirectory(stage.Data.Add("/"));
        stage.ChangeDirectory(root);
        stage.Close(root);
    }

    /// <summary>
    /// A plan whose launcher writes what comes through a pipe to a file of a directory, up to a size: then that is
    /// renamed, and another begun. What no disk takes is dropped; who writes to the pipe is held up by nothing.
    /// </summary>
    public static LaunchPlan Logging(
        object cause, SafeHandle pipe, SafeHandle directory, string name, ByteSize size) => Make(plan =>
    {
        plan.Init = false;
        plan.Because(cause);
        var stage = plan.Early;
        var (source, place) = (plan.Inherit(pipe), plan.Inherit(directory));
        stage.Close(Pair.First);
        stage.Close(Pair.Second);
        stage.CloseFrom(FirstInherited + plan.Inherited.Length);
        LeaveDirectory(stage);
        stage.SetLimit(Resource.RLIMIT_FSIZE, (ulong)size.Bytes, (ulong)size.Bytes);
        var file = stage.OpenLog(place, name);
        stage.Write(Setup, plan._first.Add("\n"u8), 1);
        stage.Duplicate(Descriptor.Number(0), 3); // the setup channel's: the end of the pipe is told to nobody
        stage.Close(Control);
        var first = stage.Count;
        stage.Splice(source, file, next: first);
        stage.Close(file);
        stage.Last.Tolerate(Errno.EBADF); // none could be opened
        stage.Rename(place, name, $"{name}.1");
        stage.OpenLog(place, name);
        stage.KeepResultAt(file.Value);
        stage.Splice(source, file, next: first);
        stage.Drop(source, next: first);
    });
}
