"""Web: requests, downloads and first looks at answers, the same for every source.

In scope: HTTP, pace, retries, several addresses, progress. Out of scope: which addresses and why (the
room of each source), what is kept (archive).
"""
