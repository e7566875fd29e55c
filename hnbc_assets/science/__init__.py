"""Science: pure functions, arrays and frames in, frames out; a folder a stage.

In scope: computation. Out of scope: dagster, files, network, settings.
"""
