"""Capacity planning: the workers and hosts that a target needs, by what was measured, with all assumptions."""
