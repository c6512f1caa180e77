"""What a search for the capacity has found: the note, its charts, and the same for programs."""
