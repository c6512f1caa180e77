"""The server under test: launched without a shell, known by its process tree, stopped without a trace."""
