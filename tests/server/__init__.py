"""Tests of the server room, with real servers on loopback."""
