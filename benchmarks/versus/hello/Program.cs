using System.Diagnostics;

using var process = Process.Start("true");
process.WaitForExit();
Console.WriteLine("hello");
