"""Pure statistics over trials: estimates with their intervals, and verdicts."""
