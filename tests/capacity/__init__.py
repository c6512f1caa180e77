"""Tests of the search for the capacity."""
