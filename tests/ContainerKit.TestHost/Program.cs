Console.WriteLine("TestHost");
