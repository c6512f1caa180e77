"""The machine as its kernel tells of it, and how much of it this process, with all that it starts, may use."""
