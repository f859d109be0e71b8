Console.WriteLine("Versus");
