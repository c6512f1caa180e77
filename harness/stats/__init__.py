"""Pure statistics over trials: estimates with their intervals, tests, and models."""
