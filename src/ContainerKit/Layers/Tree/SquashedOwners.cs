using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>All files are this user's, whoever owns them in the archive.</summary>
internal sealed class SquashedOwners : TreeOwners
{
    public override bool AreMakers(uint user, uint group) => true;

    public override void Change(SafeFileHandle file, uint user, uint group)
    {
    }

    public override void ChangeNamed(SafeFileHandle file, uint user, uint group)
    {
    }
}
