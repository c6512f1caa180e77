"""The server under test: it is launched without a shell, observed by its process tree, and stopped completely."""
