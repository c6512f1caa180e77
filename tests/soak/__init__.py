"""Many trials in a row with faults drawn from a seed, and an account of what they left behind."""
