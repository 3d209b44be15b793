"""To understand a data set before training on it.

``survey.py`` reads it once; ``statistics.py`` and ``compare.py`` are pure;
``charts.py`` and ``page.py`` make one page that needs nothing else.
"""
