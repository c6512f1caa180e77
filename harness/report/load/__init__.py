"""What one load leaves for people and for other tools: notes, an interval log, a series, a chart."""
