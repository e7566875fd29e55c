"""Matrix products on one thread.

In scope: preventing the linear-algebra library from starting threads for products so small that they only wait for
each other (on two busy cores: 30 ms instead of 0.7). Out of scope: our own threads (cox).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager:
    """While this context is open, matrix products of this process use one thread."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
