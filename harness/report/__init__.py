"""Pure renderers: from what a run folder holds to text, tables and charts."""
