"""Archive: every fetched byte as it was received, with its provenance.

In scope: storing, finding, verifying and forgetting archived files. Out of scope: fetching (web), what
files contain (the room of each source).
"""
