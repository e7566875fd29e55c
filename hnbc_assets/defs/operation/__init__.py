"""Operation: what keeps a lake current and its owners informed.

In scope: looks at the upstreams, automation, alerts, retention, verifying the archive, checks before a run.
Out of scope: the assets (defs/stages), what people type (commands).
"""
