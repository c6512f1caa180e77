"""Small servers, good and bad, each started as ``python -m tests.server.servers.NAME --port PORT``."""
