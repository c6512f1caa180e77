"""Tests of the sample application and of the servers it runs under."""
