"""Benchmarks: each kernel beside its peers, on the same inputs, in the same run.

In scope: one `bench_<kernel>.py` a kernel, and the harness that measures them. Out of scope: tests of correctness
(hnbc_assets_tests), though every run prints how far the answers are apart.
"""
