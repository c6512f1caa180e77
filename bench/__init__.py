"""Benchmarks of the harness itself: ratios measured side by side in one run."""
