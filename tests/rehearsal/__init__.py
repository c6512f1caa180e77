"""A simulated server, generator and machine, on which whole runs take virtual time and always come out the same."""
