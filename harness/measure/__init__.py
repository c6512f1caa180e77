"""Measuring: what is run, in which order, and the one trial, round, comparison or search that it takes."""
