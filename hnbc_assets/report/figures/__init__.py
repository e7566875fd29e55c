"""Figures: tables in, PNG bytes out, one file per stage.

In scope: drawing. Out of scope: computing what is drawn (science), what the UI does with it (defs).
"""
