"""Mutations of JSON: keys lost, nulls, other types, nesting, as in the answers of a host that changed its format.

In scope: changes of parsed replies. Out of scope: damage to their bytes (mutations).
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from hnbc_assets_tests.fuzz.mutations import Mutated, mutate_bytes

ODD: tuple[Any, ...] = (
    *(None, "", " ", "x" * 400, "NaN", "-1", "1e999", 0, -1, 10**30, 1.5, float("nan"), float("inf"), True, False),
    *([], {}, [[]], [None], [1, "a"], {"": None}, {"a": {"b": [1]}}, "TCGA-ZZ-ZZZZ", "ä\u0000", "Not Reported"),
)


def mutate_json(content: bytes, seed: int) -> Mutated:
    """One mutation by its seed: of a value somewhere in the structure, or (one in five) of the bytes."""
    chance = random.Random(seed)
    if chance.random() < 0.2:
        return mutate_bytes(content, chance)
    value = copy.deepcopy(json.loads(content))
    places = list(_places(value))
    holder, key = chance.choice(places)
    old, odd = holder[key], chance.choice(ODD)
    ways = ["lost", "odd", "odd", "wrapped", "twice", "deep", "as text", "all"]
    way = chance.choice(ways)
    if way == "lost":
        del holder[key]
    elif way == "odd":
        holder[key] = odd
    elif way == "wrapped":
        holder[key] = chance.choice(([old], {"value": old}, [[old]]))
    elif way == "twice" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(old))
    elif way == "deep":
        for _ in range(chance.choice((3, 60, 400))):
            old = [old]
        holder[key] = old
    elif way == "as text":
        holder[key] = json.dumps(old)
    else:  # the same field in every record
        for other, name in places:
            if name == key and isinstance(holder, dict) and isinstance(other, dict) and name in other:
                other[name] = odd
    return Mutated(f"{way} at {key!r} ({str(odd)[:20]!r})", json.dumps(value).encode())


def _places(value: Any) -> Any:
    """Every part of a nested structure that can be changed: its container, and its key or index."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
