"""Checks of the machine for what spoils measurements: typed results, obtained before anything is measured."""
