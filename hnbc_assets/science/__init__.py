"""Science: pure functions, arrays and frames in, frames out; one folder per stage.

In scope: computation. Out of scope: dagster, files, network, settings.
"""
