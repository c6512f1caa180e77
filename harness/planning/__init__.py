"""From what was measured to the workers and hosts that a target needs, with everything that this rests on."""
