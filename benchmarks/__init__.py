"""Benchmarks: each kernel compared with its peers, on the same inputs, in the same run.

In scope: one `bench_<kernel>.py` per kernel, and the harness that measures them. Out of scope: tests of correctness
(hnbc_assets_tests), though every run prints the differences of the results.
"""
