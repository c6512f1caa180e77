"""Tests of the discovery: of the rewriting on its own, and of the rest with real servers on loopback."""
