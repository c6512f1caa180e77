"""Fleets: runs on other machines, and on several at once. Nothing else of the harness imports it but the command line,
and it needs the extra ``harness[fleet]``."""
