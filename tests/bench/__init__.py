"""Tests of the bench: what the tools printed, once and really, is read; no tool need be installed."""
