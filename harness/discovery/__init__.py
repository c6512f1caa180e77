"""From the command that starts a server to a scenario: it is started, looked at, and started again as written."""
