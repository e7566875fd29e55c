"""Stages: the assets of a study, a module for each stage, in the order in which data flow.

In scope: thin functions that read frames, call science, and return frames. Out of scope: statistics (science), formats
(sources), files (lake), figures (report), how functions become Dagster's assets (defs/stage.py).
"""
