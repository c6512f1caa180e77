"""How often the statistics are right: simulated comparisons, scaling fits and faults, each with a known truth."""
