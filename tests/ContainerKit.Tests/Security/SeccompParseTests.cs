using System.Runtime.InteropServices;
using System.Text;

namespace ContainerKit.Tests.Security;

/// <summary>Documents of profiles: read as they are meant, or refused by field and value.</summary>
public class SeccompParseTests
{
    [Fact]
    public void OCIs_object_is_read() =>
        Assert.Equal(
            """
            errno EACCES mount, umount2
            trap ioctl where a1 == 0x5412
            kill the process clone where a0 & 0x7e020000 == 0x20000
            log personality where a0 > 0x8 and a1 <= 0x1
            kill the thread reboot
            kill the thread reboot2
            errno EPERM everything else
            """,
            $"{SeccompProfile.Parse("""
                {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
                 "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"], "x-unknown": {"a": null},
                 "listenerPath": "", "syscalls": [
                  {"names": ["mount", "umount2", "mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
                  {"names": ["ioctl"], "action": "SCMP_ACT_TRAP", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}]},
                  {"names": ["clone"], "action": "SCMP_ACT_KILL_PROCESS", "args":
                   [{"index": 0, "value": 2114060288, "valueTwo": 131072, "op": "SCMP_CMP_MASKED_EQ"}]},
                  {"names": ["personality"], "action": "SCMP_ACT_LOG", "args":
                   [{"index": 0, "value": 8, "op": "SCMP_CMP_GT"}, {"index": 1, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_LE"}]},
                  {"names": ["reboot"], "action": "SCMP_ACT_KILL", "args": null},
                  {"names": ["reboot2"], "action": "SCMP_ACT_KILL_THREAD", "args": []}]}
                """)}");

    [Fact]
    public void What_Docker_and_Podman_add_to_it_is_read() =>
        Assert.Equal(
            """
            errno EAGAIN bpf where without CAP_SYS_ADMIN, CAP_BPF
            allow bpf where with CAP_SYS_ADMIN
            allow ptrace where since Linux 4.8
            errno ENOSYS ptrace where before Linux 4.8
            allow arch_prctl where on X64
            allow fork where on Arm64
            errno 4000 everything else
            """,
            $"{SeccompProfile.Parse("""
                {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "4000", "defaultErrnoRet": 4000,
                 "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                  {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": null}], "syscalls": [
                  {"name": "bpf", "action": "SCMP_ACT_ERRNO", "errno": "EWOULDBLOCK", "excludes": {"caps": ["cap_sys_admin", "CAP_BPF"]}},
                  {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}, "comment": "c"},
                  {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
                  {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "errno": "ENOSYS", "excludes": {"minKernel": "4.8"}},
                  {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
                  {"names": ["s390_runtime_instr"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390", "s390x"]}},
                  {"names": ["fork"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64", "s390"]}}]}
                """)}");

    [Fact]
    public void An_argument_that_is_there_twice_makes_each_condition_a_rule() =>
        Assert.Equal(
            """
            allow personality where a0 == 0x1
            allow personality where a0 == 0x2
            allow personality where a1 == 0x3
            trap everything else
            """,
            $"{SeccompProfile.Parse(Document("""
                {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                 {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}]}
                """))}");

    [Theory]
    [InlineData("""{}""", "defaultAction")]
    [InlineData("""[]""", "no object: []")]
    [InlineData("""nonsense""", "no proper JSON")]
    [InlineData("""{"defaultAction": null}""", "defaultAction")]
    [InlineData("""{"defaultAction": 1}""", "defaultAction is no text: 1")]
    [InlineData("""{"defaultAction": "SCMP_ACT_NOTHING"}""", "defaultAction is no action")]
    [InlineData("""{"defaultAction": "scmp_act_allow"}""", "\"scmp_act_allow\"")]
    [InlineData("""{"defaultAction": "SCMP_ACT_TRACE"}""", "SCMP_ACT_TRACE")]
    [InlineData("""{"defaultAction": "SCMP_ACT_NOTIFY"}""", "SCMP_ACT_NOTIFY")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}""", "defaultErrnoRet is for SCMP_ACT_ERRNO")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}""", "defaultErrnoRet is no whole number")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}""", "-1")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOPE"}""", "ENOPE")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "eperm"}""", "eperm")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EPERM", "defaultErrnoRet": 2}""", "another errno")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "DefaultAction": "SCMP_ACT_LOG"}""", "'DefaultAction'")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_LOG"}""", "no proper JSON")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_ARM"]}""", "SCMP_ARCH_X86_64")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]}""", "architectures[0]")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_x86_64"]}""", "architectures[0]")]
    [InlineData("""
        {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}
        """, "beside archMap")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"subArchitectures": []}]}""", "architecture in archMap[0]")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}""", "flags[0]")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent"}""", "listenerPath is for notification")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}""", "syscalls is no list")]
    [InlineData("""{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [null]}""", "syscalls[0] is no object")]
    public void What_is_no_profile_is_refused_by_field_and_value(string json, string complaint) =>
        Assert.Contains(
            complaint, Assert.Throws<FormatException>(() => SeccompProfile.Parse(json)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"action": "SCMP_ACT_ALLOW"}""", "names in syscalls[0]")]
    [InlineData("""{"names": [], "action": "SCMP_ACT_ALLOW"}""", "syscalls[0].names is empty")]
    [InlineData("""{"names": [""], "action": "SCMP_ACT_ALLOW"}""", "syscalls[0].names[0] is no text")]
    [InlineData("""{"names": ["read"], "name": "write", "action": "SCMP_ACT_ALLOW"}""", "a name and names")]
    [InlineData("""{"names": ["read"]}""", "action in syscalls[0]")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_DENY"}""", "syscalls[0].action is no action")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_TRACE"}""", "syscalls[0].action needs another process")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "errnoRet": 1}""", "syscalls[0].errnoRet is for SCMP_ACT_ERRNO")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1.5}""", "syscalls[0].errnoRet is no whole number")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "Args": []}""", "'Args'")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"caps": ["CAP_NONE"]}}""", "syscalls[0].includes.caps[0]")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "excludes": {"arches": ["z80"]}}""", "syscalls[0].excludes.arches[0]")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "4"}}""", "includes.minKernel is no version")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "4.8.1"}}""", "includes.minKernel is no version")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "4.99999999999"}}""", "is no version")]
    [InlineData("""{"names": ["read"], "action": "SCMP_ACT_LOG", "includes": []}""", "syscalls[0].includes is no object")]
    public void A_rule_that_cannot_be_meant_is_refused_by_field_and_value(string rule, string complaint) =>
        Assert.Contains(
            complaint, Assert.Throws<FormatException>(() => SeccompProfile.Parse(Document(rule))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"value": 1, "op": "SCMP_CMP_EQ"}""", "index in syscalls[0].args[0]")]
    [InlineData("""{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}""", "args[0].index is no whole number from 0 to 5: 6")]
    [InlineData("""{"index": 0, "op": "SCMP_CMP_EQ"}""", "value in syscalls[0].args[0]")]
    [InlineData("""{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}""", "args[0].value is no whole number")]
    [InlineData("""{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}""", "args[0].value is no whole number")]
    [InlineData("""{"index": 0, "value": "1", "op": "SCMP_CMP_EQ"}""", "args[0].value is no whole number")]
    [InlineData("""{"index": 0, "value": 1, "op": "SCMP_CMP_LIKE"}""", "args[0].op is no comparison")]
    [InlineData("""{"index": 0, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_EQ"}""", "valueTwo is for SCMP_CMP_MASKED_EQ")]
    [InlineData("""{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}""", "valueTwo has bits")]
    public void A_condition_that_cannot_be_meant_is_refused_by_field_and_value(string condition, string complaint) =>
        Assert.Contains(
            complaint,
            Assert.Throws<FormatException>(() => SeccompProfile.Parse(
                Document($$"""{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{{condition}}]}"""))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("0 EQ 1", "", true)]
    [InlineData("", "0 EQ 1", true)]
    [InlineData("0 EQ 1", "0 EQ 2", false)]
    [InlineData("0 EQ 1", "1 EQ 2", true)]
    [InlineData("0 EQ 16, 2 EQ 9", "0 NE 16", false)]
    [InlineData("0 EQ 16, 2 EQ 9", "2 NE 8", true)]
    [InlineData("0 LT 5", "0 GE 5", false)]
    [InlineData("0 LE 5", "0 GE 5", true)]
    [InlineData("0 LE 5, 1 EQ 1", "0 GE 5, 1 EQ 2", false)]
    [InlineData("0 GT 18446744073709551614", "0 NE 18446744073709551615", false)]
    [InlineData("0 MASKED_EQ 255 1", "0 MASKED_EQ 15 2", false)]
    [InlineData("0 MASKED_EQ 240 16", "0 MASKED_EQ 15 2", true)]
    [InlineData("0 MASKED_EQ 240 16", "0 LT 16", false)]
    [InlineData("0 MASKED_EQ 240 16", "0 GE 4294967296", true)]
    [InlineData("0 MASKED_EQ 18446744073709551614 6", "0 NE 6", true)]
    [InlineData("0 MASKED_EQ 18446744073709551614 6", "0 LT 6", false)]
    public void Rules_that_say_different_things_of_the_same_arguments_are_refused(string first, string second, bool refused)
    {
        var document = Document($$"""
            {"names": ["read", "socket"], "action": "SCMP_ACT_LOG", "args": [{{Conditions(first)}}]},
            {"names": ["socket", "write"], "action": "SCMP_ACT_ALLOW", "args": [{{Conditions(second)}}]}
            """);
        if (!refused)
        {
            SeccompProfile.Parse(document);
            return;
        }

        var message = Assert.Throws<FormatException>(() => SeccompProfile.Parse(document)).Message;
        Assert.Contains("socket: 'log' and 'allow'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_that_never_apply_together_do_not_contradict_each_other() =>
        SeccompProfile.Parse(Document("""
            {"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
             "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["write"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
             "includes": {"minKernel": "6.1"}},
            {"names": ["write"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "6.1"}},
            {"names": ["open"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
             "includes": {"arches": ["amd64"]}},
            {"names": ["open"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64"]}}
            """));

    [Fact]
    public void Of_two_rules_without_arguments_the_first_counts()
    {
        var profile = SeccompProfile.Parse(Document("""
            {"names": ["setns", "execve", "write", "exit_group"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["setns"], "action": "SCMP_ACT_ERRNO"}
            """));
        var filter = SeccompFilter.Compile(profile, new(Architecture.X64, CapabilitySet.None, new(6, 1)));

        Assert.Equal(SeccompAction.Allow.Value, new FilterMachine(filter.Bytes).Run(0xC000003E, 308).Answer);
    }

    [Fact]
    public void A_document_that_is_too_large_too_deep_or_has_too_many_rules_is_refused()
    {
        var deep = $$"""{"defaultAction": "SCMP_ACT_ALLOW", "x": {{new string('[', 100)}}{{new string(']', 100)}}}""";
        var many = Document(string.Join(',', Enumerable.Repeat("""{"names": ["read"], "action": "SCMP_ACT_ALLOW"}""", 1025)));
        foreach (var json in new[] { new string(' ', 1 << 20) + Document(""), deep, many })
        {
            Assert.Throws<FormatException>(() => SeccompProfile.Parse(json));
        }

        Assert.Throws<FormatException>(() => SeccompProfile.Parse(new byte[] { 0x22, 0xED, 0xA0, 0x80, 0x22 }));
        Assert.Throws<ArgumentNullException>(() => SeccompProfile.Parse((string)null!));
    }

    [Fact]
    public void A_damaged_document_is_a_profile_or_refused()
    {
        var whole = Encoding.UTF8.GetBytes("""
            {"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":
             ["SCMP_ARCH_X86"]}],"flags":["SECCOMP_FILTER_FLAG_LOG"],"syscalls":[{"names":["execve","write","exit_group","read"],
             "action":"SCMP_ACT_ALLOW"},{"names":["ioctl","socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":9,"op":
             "SCMP_CMP_GT"},{"index":1,"value":255,"valueTwo":7,"op":"SCMP_CMP_MASKED_EQ"}],"includes":{"caps":["CAP_KILL"]}},
             {"name":"bpf","action":"SCMP_ACT_ERRNO","errno":"EPERM","excludes":{"arches":["arm64"],"minKernel":"5.8"}}]}
            """);
        var (random, reads) = (new Random(1), 0);
        for (var i = 0; i < (Layers.TarDamageTests.IsSoak ? 3_000_000 : 20_000); i++)
        {
            var damaged = whole.ToList();
            for (var j = random.Next(1, 4); j > 0; j--)
            {
                var (from, length) = (random.Next(damaged.Count), random.Next(1, 12));
                var part = damaged.Skip(from).Take(length).ToList();
                switch (random.Next(3))
                {
                    case 0:
                        damaged[from] = (byte)random.Next(256);
                        break;
                    case 1:
                        damaged.RemoveRange(from, part.Count);
                        break;
                    default:
                        damaged.InsertRange(random.Next(damaged.Count), part);
                        break;
                }
            }

            if (TryParse(damaged.ToArray()) is { } profile)
            {
                reads++;
                TryCompile(profile);
            }
        }

        Assert.InRange(reads, 1, int.MaxValue);
    }

    private static SeccompProfile? TryParse(byte[] document)
    {
        try
        {
            return SeccompProfile.Parse(document);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static void TryCompile(SeccompProfile profile)
    {
        try
        {
            _ = new FilterMachine(SeccompFilter.Compile(profile, new(Architecture.X64, [Capability.CAP_KILL])).Bytes);
        }
        catch (ArgumentException)
        {
            // It denies what starts the program, or the like.
        }
    }

    private static string Document(string rules) =>
        $$"""{"defaultAction": "SCMP_ACT_TRAP", "syscalls": [{{rules}}]}""";

    /// <summary><c>0 EQ 1</c>, one after the other, as the document has them.</summary>
    private static string Conditions(string text) => string.Join(", ", text
        .Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(condition => condition.Split(' ')).Select(words =>
            $$"""{"index": {{words[0]}}, "value": {{words[2]}}, "valueTwo": {{words.ElementAtOrDefault(3) ?? "0"}}, "op": "SCMP_CMP_{{words[1]}}"}"""));
}
