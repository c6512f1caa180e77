"""Tests of trials and of whole comparisons, with real servers on loopback."""
