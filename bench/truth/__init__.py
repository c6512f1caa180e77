"""What the generator says, beside the truth: servers that stall, delay and count, and know when and how much."""
