"""Analysis of a run's records: the figures of each trial, the bottleneck of each, and the verdicts on all together."""
