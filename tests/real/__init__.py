"""Verdicts on real servers: what was measured once, by the script beside it, and what is judged of it ever after."""
