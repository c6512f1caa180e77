"""Measuring: a trial, a round of trials, a comparison, and a search for the capacity."""
