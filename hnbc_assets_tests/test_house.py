"""The rules of the code base, checked by reading its files: imports, module docstrings, names that no file may contain.

Each test collects all breaches, one line per file, so that one run shows everything that must be fixed.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hnbc_assets"
OWN_PYTHON = ("hnbc_assets", "hnbc_assets_tests", "benchmarks")

STUDY = {
    "study", "study_contradictions", "study_mistakes", "study_operation", "study_place", "study_reading",
    "study_sources",
}  # fmt: skip
# Each layer may import those above it in this list; parts of one layer do not import each other.
LAYERS = [
    {"redaction", "vocabulary"},
    {"arithmetic", "digits", "discovery", "errors", "hnbc_assets"},
    {"addresses", "user_files"},
    {"science", "sources", "tables"},
    STUDY,
    {"lake", "report"},
    {"defs", "own"},
    {"definitions"},
    {"cli", "commands"},
]
ONE_PART = [
    {"cli", "commands"},
    STUDY,
]  # a command and its group; a study and its sections
WITHOUT_DAGSTER = {
    "addresses",
    "arithmetic",
    "digits",
    "errors",
    "redaction",
    "report",
    "science",
    "sources",
    "tables",
    "user_files",
    "vocabulary",
    *STUDY,
}
HEAVY = {
    "gseapy", "lifelines", "matplotlib", "numba", "openpyxl", "pandera", "polars", "python_calamine", "scipy",
    "sklearn", "sksurv", "statsmodels",
}  # fmt: skip
MOST_LINES = 350


def breaches(found: dict[Path, str] | list[str]) -> str:
    """One line per breach, for an assertion's message."""
    lines = [f"{path.relative_to(ROOT)}: {what}" for path, what in found.items()] if isinstance(found, dict) else found
    return "\n" + "\n".join(sorted(lines))


@cache
def modules() -> dict[str, Path]:
    """Module name to file, of the whole package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def part_of(module: str) -> str:
    """`hnbc_assets.science.genes.overlap` is in `science`; the package itself is a part of its own."""
    return module.split(".")[1] if "." in module else module


@cache
def imports(module: str) -> tuple[str, ...]:
    """What a module imports, anywhere in it, except under TYPE_CHECKING."""
    return tuple(_imported(ast.parse(modules()[module].read_text()), module))


def _imported(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            is_package = modules()[module].name == "__init__.py"
            above = module.split(".")[: None if is_package and node.level == 1 else is_package - node.level]
            base = ".".join([*above, *filter(None, [node.module])])
        for alias in node.names:
            full = f"{base}.{alias.name}"
            yield full if full in modules() else base
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, module)


def own_imports(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == "hnbc_assets"}


def test_every_part_is_in_a_layer():
    known = set().union(*LAYERS)
    assert {part_of(module) for module in modules()} <= known


def test_imports_go_to_lower_layers_only():
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    found = []
    for module, path in modules().items():
        for target in own_imports(module):
            here, there = part_of(module), part_of(target)
            together = here == there or any({here, there} <= parts for parts in ONE_PART)
            if not together and layer[there] >= layer[here]:
                found.append(f"{path.relative_to(ROOT)}: {here} imports {target}")
    assert not found, breaches(found)


def test_only_orchestration_imports_dagster_and_only_its_public_part():
    found = {}
    for module, path in modules().items():
        used = [name for name in imports(module) if name.split(".")[0].startswith("dagster")]
        if used and part_of(module) in WITHOUT_DAGSTER:
            found[path] = f"imports {used[0]}"
        elif private := [name for name in used if "._" in name]:
            found[path] = f"imports {private[0]}, which is private"
    assert not found, breaches(found)


def test_there_is_no_circle_of_imports():
    finished: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> list[str]:
        if module in trail:
            return [" -> ".join((*trail[trail.index(module) :], module))]
        if module in finished or module not in modules():
            return []
        circles = [
            circle for target in sorted(own_imports(module) - {module}) for circle in walk(target, (*trail, module))
        ]
        finished.add(module)
        return circles

    found = [circle for module in modules() for circle in walk(module, ())]
    assert not found, breaches(found)


def test_nothing_heavy_is_imported_when_the_definitions_are():
    """In a fresh process, one module after the other; what is new then was imported by that module."""
    light = [module for module in modules() if part_of(module) not in ("science", "report")]
    code = (
        "import importlib, json, sys\n"
        "light, heavy = json.loads(sys.argv[1])\n"
        "found, before = {}, set()\n"
        "for module in light:\n"
        "    try: importlib.import_module(module)\n"
        "    except Exception as error: found[module] = [f'what fails: {error}']; continue\n"
        "    new = (set(heavy) & set(sys.modules)) - before\n"
        "    before |= new\n"
        "    if new: found[module] = sorted(new)\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([light, sorted(HEAVY)])], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    found = {modules()[module]: f"imports {', '.join(names)}" for module, names in json.loads(done.stdout).items()}
    assert not found, breaches(found)


def test_every_module_states_its_scope():
    found = {}
    for module, path in modules().items():
        text = path.read_text()
        if module == "hnbc_assets" or (path.name == "__init__.py" and not text.strip()):
            continue
        docstring = ast.get_docstring(ast.parse(text)) or ""
        missing = [words for words in ("In scope:", "Out of scope:") if words not in docstring]
        if missing:
            found[path] = f"its docstring lacks {' and '.join(missing)}"
    assert not found, breaches(found)


def python_files() -> list[Path]:
    return [path for folder in OWN_PYTHON for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_file_has_a_catch_all_name():
    catch_all = re.compile(r"(^|_)(utils?|helpers?|misc|common)$")
    found = {path: "name it after its contents" for path in python_files() if catch_all.search(path.stem)}
    assert not found, breaches(found)


def test_no_file_is_too_long_to_read():
    lengths = {path: len(path.read_text().splitlines()) for path in python_files()}
    found = {path: f"{length} lines, at most {MOST_LINES}" for path, length in lengths.items() if length > MOST_LINES}
    assert not found, breaches(found)


def test_no_module_silences_warnings_for_everyone():
    found = {}
    for path in modules().values():
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.Expr) and re.match(
                r"warnings\.(filterwarnings|simplefilter)", ast.unparse(statement)
            ):
                found[path] = f"line {statement.lineno} filters warnings at import"
    assert not found, breaches(found)


def tracked_text() -> Iterator[tuple[Path, str]]:
    """Every tracked file that is text; without git, every file that would be tracked."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [path for folder in OWN_PYTHON for path in (ROOT / folder).rglob("*")]
        paths += [path for path in ROOT.iterdir() if path.is_file()]
    for path in paths:
        if path.is_file() and "__pycache__" not in path.parts:
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_no_tracked_file_names_a_path_of_someones_machine():
    machine = re.compile(r"(?<![\w.~$}*-])/(work|tmp|home|root|Users)/\w")
    found = {path: f"names {match.group(0)}…" for path, text in tracked_text() if (match := machine.search(text))}
    assert not found, breaches(found)


def test_no_tracked_file_names_a_package_host():
    hosts = [("pypi", "org"), ("pythonhosted", "org"), ("anaconda", "org"), ("cran", "r-project"), ("npmjs", "org")]
    hosts += [("bioconductor", "org"), ("crates", "io")]  # in two parts: this file is tracked, too
    named = re.compile("|".join(re.escape(".".join(host)) for host in hosts), re.IGNORECASE)
    options = re.compile(r"--(extra-)?index-url[= ]+\S|--trusted-host[= ]+\S")
    found = {
        path: f"names {match.group(0)}"
        for path, text in tracked_text()
        if (match := named.search(text) or options.search(text))
    }
    assert not found, breaches(found)
