"""What became of a scenario's figures from run to run."""
