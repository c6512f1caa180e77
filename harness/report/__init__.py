"""Pure renderers: from an analysed run to text, tables and charts."""
