Console.WriteLine("HostReport");
