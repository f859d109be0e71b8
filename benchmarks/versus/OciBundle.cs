namespace Versus;

/// <summary>The same work as an OCI runtime understands it: a config.json in a directory.</summary>
internal static class OciBundle
{
    /// <summary>Writes the bundle and returns its directory.</summary>
    public static string Create(Workshop workshop)
    {
        var bundle = Directory.CreateDirectory(Path.Combine(workshop.Path, "bundle")).FullName;
        File.WriteAllText(Path.Combine(bundle, "config.json"), Config(workshop.Root));
        return bundle;
    }

    // An absolute cgroupsPath lies at the hierarchies' top, so that the runtimes make and remove a group of their own
    // and never one inside a group that somebody else looks after.
    private static string Config(string root) => $$"""
        {
          "ociVersion": "1.0.2",
          "process": {
            "terminal": false, "user": { "uid": 0, "gid": 0 }, "args": [ "/true" ], "env": [], "cwd": "/",
            "capabilities": {}, "noNewPrivileges": true,
            "rlimits": [
              { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 }, { "type": "RLIMIT_NPROC", "soft": 1024, "hard": 1024 }
            ]
          },
          "root": { "path": "{{root}}", "readonly": true },
          "hostname": "versus",
          "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "mode=755", "size=64k" ] },
            { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
              "options": [ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" ] },
            { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [ "nosuid", "noexec", "nodev" ] },
            { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": [ "nosuid", "noexec", "nodev" ] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [ "nosuid", "noexec", "nodev", "ro" ] },
            { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "nodev", "mode=1777" ] },
            { "destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "nodev", "mode=755" ] }
          ],
          "linux": {
            "cgroupsPath": "/containerkit-versus-{{Environment.ProcessId}}",
            "uidMappings": [ { "containerID": 0, "hostID": 100000, "size": 1 } ],
            "gidMappings": [ { "containerID": 0, "hostID": 100000, "size": 1 } ],
            "namespaces": [
              { "type": "user" }, { "type": "mount" }, { "type": "pid" }, { "type": "network" },
              { "type": "ipc" }, { "type": "uts" }, { "type": "cgroup" }
            ],
            "maskedPaths": [
              "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
              "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
              "/sys/devices/virtual/powercap", "/sys/firmware"
            ],
            "readonlyPaths": [ "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" ]
          }
        }
        """;
}
