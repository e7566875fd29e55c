"""Sources: whom we get data from. Network and file formats only.

In scope: asking upstream hosts, keeping their bytes, reading their formats into frames with their own field names.
Out of scope: dagster, statistics, what a value means for the study.
"""
