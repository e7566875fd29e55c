"""Science: pure functions, arrays and frames in, frames out; a folder a stage.

Belongs here: computation. Does not: dagster, files, network, settings.
"""
