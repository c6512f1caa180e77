"""Reports of a search for the capacity: the note, its charts, and the same for programs."""
