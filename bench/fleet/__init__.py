"""What more machines bring, and what they cost."""
