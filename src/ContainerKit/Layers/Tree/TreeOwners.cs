using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Whose the files become that are unpacked.</summary>
internal abstract class TreeOwners
{
    /// <summary>What this process can do where no ids are mapped.</summary>
    public static TreeOwners OfThisUser() =>
        Syscall.EffectiveUser == 0 && Syscall.Has(Capability.CAP_CHOWN) ? new DirectOwners() : new SquashedOwners();

    /// <summary>Whether devices can be made; they are left out where not, as by all who unpack as a user.</summary>
    public virtual bool MakesDevices => false;

    /// <summary>Whether attributes are left out that this user may not set: file capabilities, trusted ones.</summary>
    public virtual bool LeavesOutAttributes => true;

    /// <summary>Whether something has its owners as soon as this process makes it in a directory of its own.</summary>
    public abstract bool AreMakers(uint user, uint group);

    /// <summary>
    /// Whether nothing is given away before the caller calls <see cref="CompleteAsync"/>, after the last layer: what
    /// belongs to others this user cannot unpack into.
    /// </summary>
    public virtual bool AreLater => false;

    /// <summary>Remembers what is to be given away later.</summary>
    public virtual void Keep(PendingOwner owner)
    {
    }

    /// <summary>Gives away what was remembered, below a directory.</summary>
    public virtual Task CompleteAsync(SafeFileHandle root, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Gives an open file to its owners.</summary>
    public abstract void Change(SafeFileHandle file, uint user, uint group);

    /// <summary>Gives what a descriptor only stands for to its owners.</summary>
    public abstract void ChangeNamed(SafeFileHandle file, uint user, uint group);
}
