Console.WriteLine("PrintThePlan");
