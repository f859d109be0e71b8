using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// The namespaces that a supervisor holds open for others to join: those of its child as it was born. What a program
/// makes of itself later is nobody's to join: in there it has privileges.
/// </summary>
/// <param name="Foreign">Over which the container's own user namespace gives no privileges.</param>
/// <param name="Others">The rest.</param>
/// <param name="First">The descriptor of the first in the supervisor; the others follow.</param>
internal readonly record struct HeldNamespaces(CloneFlags Foreign, CloneFlags Others, int First)
{
    /// <summary>In the order in which they are joined: foreign ones before the user namespace.</summary>
    public List<NamespaceName> InOrder()
    {
        var list = new List<NamespaceName>();
        AddTo(list, Foreign);
        AddTo(list, Others);
        return list;

        static void AddTo(List<NamespaceName> list, CloneFlags kinds)
        {
            foreach (var known in NamespaceName.All)
            {
                if ((kinds & known.Kind) != 0)
                {
                    list.Add(known);
                }
            }
        }
    }

    /// <summary>Opens those of these kinds, by the directory of the supervisor's descriptors.</summary>
    public List<JoinedNamespace> Open(CloneFlags kinds, SafeFileHandle descriptors)
    {
        var list = new List<JoinedNamespace>();
        try
        {
            var number = First;
            foreach (var held in InOrder())
            {
                if (kinds.HasFlag(held.Kind))
                {
                    var path = FormattableString.Invariant($"{Syscall.PathOf(descriptors)}/{number}");
                    list.Add(new(Syscall.Open(path, OpenFlags.O_RDONLY), held.Kind));
                }

                number++;
            }

            return list;
        }
        catch
        {
            list.ForEach(opened => opened.Dispose());
            throw;
        }
    }
}

/// <summary>An open namespace of a container, for a launcher to join.</summary>
internal readonly record struct JoinedNamespace(SafeFileHandle File, CloneFlags Kind) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => File.Dispose();
}
