"""The search for the highest rate at which a topology keeps the objectives."""
