"""The outputs of one load, for people and for other tools: notes, an interval log, a series, a chart."""
