"""The charts of a run: what each of them shows, computed once.

A module here computes what one chart shows, as a frozen data class. :mod:`harness.report.charts.pictures` paints it
with Matplotlib, in PNG and SVG; :mod:`harness.report.html.charts` paints the same with Bokeh, for the page.
"""
