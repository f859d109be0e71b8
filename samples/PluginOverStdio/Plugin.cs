using System.Globalization;
using System.Text;

namespace PluginOverStdio;

/// <summary>
/// What runs in the container. It would be somebody else's program; here it is this one, started with an argument.
/// </summary>
internal static class Plugin
{
    /// <summary>Answers each line of standard input with one of standard output, until there are no more.</summary>
    public static void Answer()
    {
        using var output = Console.OpenStandardOutput();
        while (Console.ReadLine() is { } line)
        {
            output.Write(new Message(Answer(Message.Parse(Encoding.UTF8.GetBytes(line)).Text)).ToLine());
        }
    }

    private static string Answer(string question)
    {
        switch (question.Split(' '))
        {
            case ["add", .. var numbers]:
                return numbers.Sum(number => int.Parse(number, CultureInfo.InvariantCulture))
                    .ToString(CultureInfo.InvariantCulture);
            case ["hang"]:
                Thread.Sleep(Timeout.Infinite);
                return "never";
            case ["hello"]:
                return $"process {Environment.ProcessId} of {Environment.MachineName}";
            default:
                return Directory.Exists("/home")
                    ? string.Join(' ', Directory.EnumerateDirectories("/home"))
                    : "there is no /home here";
        }
    }
}
