namespace ContainerKit;

/// <summary>Which devices may be used: devices.allow in version 1, a program in version 2.</summary>
internal sealed class DevicesController : CgroupController
{
    private const string Allow = "devices.allow", Deny = "devices.deny", Held = "devices.list", Everything = "a";

    /// <inheritdoc/>
    public override string Name => "devices";

    /// <inheritdoc/>
    public override bool IsInAllOfVersion2 => true;

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) => limits.Devices is not null;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        var rules = new DeviceRules(limits.Devices!);
        if (directory.IsUnified)
        {
            directory.Devices.Allow(rules);
        }
        else
        {
            WriteOld(directory, rules);
        }
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits) =>
        limits with { Devices = directory.IsUnified ? directory.Devices.Rules : ReadOld(directory).ToList() };

    private static DeviceRules ReadOld(CgroupDirectory directory) => new(
        directory.Read(Held).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(DeviceRule.Parse));

    /// <summary>
    /// Changes what differs, so that at no time more is allowed than before and after together, and, but for the first
    /// rules, nothing is denied that both allow.
    /// </summary>
    private static void WriteOld(CgroupDirectory directory, DeviceRules rules)
    {
        var before = ReadOld(directory);
        if (before.AllowAll != rules.AllowAll)
        {
            Write(directory, rules.AllowAll ? Allow : Deny, Everything);
            before = rules.AllowAll ? rules : new([]);
        }

        List<DeviceRule> more = rules.Except(before), less = before.Except(rules);
        var done = 0;
        try
        {
            for (; done < more.Count; done++)
            {
                Write(directory, Allow, more[done].ToString());
            }
        }
        catch
        {
            // If all was allowed before, it is not again: there may have been denials in it, which are not in sight.
            more[..done].ForEach(rule => Write(directory, Deny, rule.ToString()));
            throw;
        }

        less.ForEach(rule => Write(directory, Deny, rule.ToString()));
    }

    private static void Write(CgroupDirectory directory, string file, string text)
    {
        try
        {
            directory.Write(file, text);
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EPERM)
        {
            throw new LimitNotSupportedException(
                $"'{text}' cannot be written to {directory.Path}/{file}: the group above must have what is allowed, "
                + "and this user CAP_SYS_ADMIN outside of user namespaces.");
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EINVAL && text is Everything)
        {
            throw new LimitNotSupportedException(
                $"There are groups in '{directory.Path}', where version 1 does not change from all devices to some, or "
                + "back: do so before they are made.");
        }
    }
}
