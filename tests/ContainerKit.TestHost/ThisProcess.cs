using System.Runtime.InteropServices;

namespace ContainerKit.TestHost;

/// <summary>What a host does to itself.</summary>
internal static class ThisProcess
{
    /// <summary>Lets no other process of its user look into it, as is so with one that was another user.</summary>
    public static void LetNobodyLookIn()
    {
        const int PR_SET_DUMPABLE = 4;
        if (Control(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        {
            throw new InvalidOperationException($"prctl: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>prctl(2).</summary>
    [DllImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static extern int Control(int option, nint second, nint third, nint fourth, nint fifth);
}
