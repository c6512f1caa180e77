"""The machine as its kernel presents it, and the part of it that this process and its descendants may use."""
