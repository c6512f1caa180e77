"""What records come to: figures of each trial, what limited it, and the verdicts on all of them together."""
