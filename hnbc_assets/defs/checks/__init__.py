"""Checks: what an asset must pass before it replaces the stored one, and what users should know about it.

In scope: functions from frames to an outcome in words. Out of scope: when they run (defs/step.py), the schema of a
table (tables), statistics (science).
"""
