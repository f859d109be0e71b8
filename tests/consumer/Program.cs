using ContainerKit;

Console.WriteLine(typeof(LinuxException).Assembly.GetName().Version);
