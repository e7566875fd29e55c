"""Sources: where data come from. Network and file formats only.

In scope: querying upstream hosts, storing their files, reading their formats into frames with their own field names.
Out of scope: dagster, statistics, what a value means for the study.
"""
