"""The history of a scenario: its figures from run to run."""
