"""Tests of the load generator, most of them against real sockets on loopback."""
