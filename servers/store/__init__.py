"""A cart that is kept in SQLite: its items, the database and the threads that use it, free of any web framework."""
