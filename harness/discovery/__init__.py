"""The way from a command to a scenario: the server is started, examined, and started again as the scenario has it."""
