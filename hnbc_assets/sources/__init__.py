"""Sources: whom we get data from. Network and file formats only.

Belongs here: asking upstream hosts, keeping their bytes, reading their formats into frames with their own field names.
Does not: dagster, statistics, what a value means for the study.
"""
