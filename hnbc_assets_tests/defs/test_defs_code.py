"""What a function reaches, in small packages written for the purpose: Python's rules of names, case by case."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import count
from types import SimpleNamespace

import pytest

from hnbc_assets.defs.code.closure import Code

NUMBERS = count()


@pytest.fixture
def package(tmp_path):
    """Write modules of a package, and name the places that a function of its module `start` reaches."""

    def write(function: str, **texts: str) -> Package:
        return Package(tmp_path / str(next(NUMBERS)), function, texts)

    return write


class Package:
    """A small package in a folder, and a function of its module `start`."""

    def __init__(self, folder, function: str, texts: dict[str, str]) -> None:
        place = folder / "hnbc_assets_small"
        place.mkdir(parents=True)
        (place / "__init__.py").touch()
        for name, text in texts.items():
            file = place / (name if "." in name else f"{name}.py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        self.code = Code(folder)
        self.root = SimpleNamespace(__module__="hnbc_assets_small.start", __qualname__=function)

    @property
    def reached(self) -> set[str]:
        """The places that the function reaches, as `module.name`; without what only says that a module is imported."""
        found = self.code.reached([self.root])
        return {
            f"{module.removeprefix('hnbc_assets_small.')}.{'.'.join(path)}"
            for module, path in found
            if path != ("()",) or found[module, path].digest
        }

    @property
    def version(self) -> str:
        return self.code.version([self.root])


OTHER = "def f(x):\n    return g(x)\n\ndef g(x):\n    return x\n\ndef unused():\n    pass\n\nLIMIT = 3\n"


@pytest.mark.parametrize(
    ("how", "start"),
    [
        ("a name", "from hnbc_assets_small.other import f\ndef start(x):\n    return f(x)\n"),
        ("another name", "from hnbc_assets_small.other import f as h\ndef start(x):\n    return h(x)\n"),
        ("an import in the function", "def start(x):\n    from hnbc_assets_small.other import f\n    return f(x)\n"),
        ("an attribute", "from hnbc_assets_small import other\ndef start(x):\n    return other.f(x)\n"),
        ("a full name", "import hnbc_assets_small.other\ndef start(x):\n    return hnbc_assets_small.other.f(x)\n"),
        ("a relative import", "from .other import f\ndef start(x):\n    return f(x)\n"),
        ("a module that hands it on", "from hnbc_assets_small.on import f\ndef start(x):\n    return f(x)\n"),
        ("a function as a value", "from .other import f\ndef start(x):\n    return list(map(f, x))\n"),
        ("a default", "from .other import f\ndef start(x, g=f):\n    return g(x)\n"),
        ("a lambda", "from .other import f\ndef start(x):\n    return [*map(lambda f_: f(f_), x)]\n"),
    ],
)
def test_a_function_is_reached_by(package, how, start):
    small = package("start", start=start, other=OTHER, on="from .other import f\n")
    assert small.reached == {"start.start", "other.f", "other.g"}


def test_a_package_may_import_its_own_modules(package):
    texts = {"__init__.py": "from hnbc_assets_small import other\n", "other": OTHER}
    start = "import hnbc_assets_small as small\ndef start(x):\n    return small.other.f(x)\n"
    assert package("start", start=start, **texts).reached == {"start.start", "other.f", "other.g"}


def test_a_folder_of_modules_needs_no_init(package):
    start = "from hnbc_assets_small.room import other\ndef start(x):\n    return other.f(x)\n"
    small = package("start", start=start, **{"room/other.py": OTHER})
    assert small.reached == {"start.start", "room.other.f", "room.other.g"}


def test_a_dictionary_of_functions_is_followed(package):
    start = "from .other import f, unused\nWAYS = {'f': f}\nWAYS['u'] = unused\ndef start(x):\n    return WAYS[x]()\n"
    assert package("start", start=start, other=OTHER).reached == {
        "start.start", "start.WAYS", "other.f", "other.g", "other.unused",
    }  # fmt: skip


def test_a_module_that_is_used_as_a_whole_counts_as_a_whole(package):
    small = package("start", start="from . import other\ndef start(x):\n    return getattr(other, x)\n", other=OTHER)
    assert {"other.f", "other.g", "other.unused", "other.LIMIT"} <= small.reached


@pytest.mark.parametrize(
    "body",
    [
        "    f = x\n    return f",
        "    return [f for f in x]",
        "    return lambda f: f(x)",
        "    for f in x:\n        return f",
        "    with x as f:\n        return f",
        "    try:\n        return x\n    except ValueError as f:\n        return f",
        "    def f():\n        return x\n    return f()",
        "    match x:\n        case {'f': f}:\n            return f",
    ],
)
def test_a_local_name_is_no_name_of_the_module(package, body):
    small = package("start", start=f"from .other import f\ndef start(x):\n{body}\n", other=OTHER)
    assert small.reached == {"start.start"}


def test_a_name_of_a_comprehension_is_local_to_it_alone(package):
    start = "from .other import f\ndef start(x):\n    return [f for f in x], f(x)\n"
    assert package("start", start=start, other=OTHER).reached == {"start.start", "other.f", "other.g"}


def test_annotations_and_imports_for_them_are_not_followed(package):
    start = (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from .other import unused\n"
        "from .other import LIMIT\ndef start(x: LIMIT) -> unused:\n    y: LIMIT = x\n    return y\n"
    )
    assert package("start", start=start, other=OTHER).reached == {"start.start"}


CLASSES = (
    "import io\n"
    "class Base:\n    def asked(self):\n        return inherited()\n"
    "class Own(Base):\n    def __init__(self):\n        made()\n"
    "    def other(self):\n        return unused()\n"
    "class Stream(io.RawIOBase):\n    def readinto(self, into):\n        return unused()\n"
    "def inherited(): pass\ndef made(): pass\ndef unused(): pass\n"
)


def test_methods_count_when_their_name_is_asked_for(package):
    start = "from .other import Own\ndef start():\n    return Own().asked()\n"
    assert package("start", start=start, other=CLASSES).reached == {
        "start.start", "other.Own", "other.Base", "other.Base.asked", "other.inherited", "other.made",
    }  # fmt: skip


def test_methods_that_another_package_may_call_always_count(package):
    start = "from .other import Stream\ndef start():\n    return Stream()\n"
    assert {"other.Stream.readinto", "other.unused"} <= package("start", start=start, other=CLASSES).reached


def test_what_a_name_of_another_package_stands_for_counts(package):
    one = package("start", start="from math import floor as r\ndef start(x):\n    return r(x)\n")
    two = package("start", start="from math import ceil as r\ndef start(x):\n    return r(x)\n")
    assert one.version != two.version


def test_what_a_module_does_when_it_is_imported_counts(package):
    start, other = "from .other import f\ndef start(x):\n    return f(x)\n", "import os\n\ndef f(x):\n    return x\n"
    plain = package("start", start=start, other=other)
    acting = package("start", start=start, other=other + "os.umask(7)\n")
    assert plain.version != acting.version


def test_a_file_of_data_beside_a_module_counts_if_what_names_it_is_reached(package):
    start = "from pathlib import Path\nTABLE = Path(__file__).with_name('a.tsv')\ndef start():\n    return TABLE\n"
    versions = [package("start", **{"start": start, "a.tsv": text, "b.tsv": text}) for text in ("1", "2")]
    assert versions[0].version != versions[1].version
    unnamed = [package("start", **{"start": start, "a.tsv": "1", "b.tsv": text}) for text in ("1", "2")]
    assert unnamed[0].version == unnamed[1].version


SYNTAX = '''
"""Words."""
import re

TABLE: dict[str, float] = {"a": 1e-3, "b": -0.5, **{"ü": 2}}


def start(x, /, *more, key=None, **others):
    """Words."""
    if (found := re.match(r"\\d+", x)) and not more:
        return f"{found[0]!r:>{10}} of {x}" f" {key=}" "." if key else b"\\x00"
    match x.split():
        case [first, *rest] if rest:
            return {name: value for name, value in TABLE.items() if name != first}
        case {"a": 1, **kept} | {"b": 2, **kept}:
            return kept
    try:
        async def later():
            async with x as y:
                return [z async for z in y]
    except (ValueError, TypeError) as error:
        raise KeyError(*more, **others) from error
    return lambda a, *, b=TABLE: (yield a @ b)
'''


def test_the_version_is_the_same_on_every_python(package):
    """The digests are those that Python 3.11 and 3.12 give."""
    assert package("start", start=SYNTAX).version == "ebd8afe6"


def test_the_version_does_not_depend_on_the_order_of_sets(package):
    small = package("start", start="from .other import f, LIMIT\ndef start(x):\n    return f(x), LIMIT\n", other=OTHER)
    asked = (
        "import sys; from pathlib import Path; from types import SimpleNamespace as N; "
        "from hnbc_assets.defs.code.closure import Code; "
        "print(Code(Path(sys.argv[1])).version([N(__module__='hnbc_assets_small.start', __qualname__='start')]))"
    )
    command = [sys.executable, "-c", asked, str(small.code.root)]
    printed = subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": "5"}, capture_output=True, text=True, check=True, timeout=300
    )
    assert printed.stdout.strip() == small.version
