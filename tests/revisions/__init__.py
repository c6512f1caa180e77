"""Commits, checked out side by side."""
