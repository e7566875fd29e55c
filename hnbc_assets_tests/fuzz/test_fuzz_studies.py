"""Study files, damaged: refused with a message that names the file, or read as written; nothing is ignored."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

from hnbc_assets.defs.operation.preflight import require_files
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.errors import HnbcError, StudyError
from hnbc_assets.study import PACKAGED, load_study
from hnbc_assets_tests.fuzz import mutations
from hnbc_assets_tests.fuzz.mutations import CELLS, seeds
from hnbc_assets_tests.test_study_mistakes import BEFORE

STUDIES = {"packaged": PACKAGED.read_text(encoding="utf-8"), "own": BEFORE}
SAME, REFUSED, ANY = "the same study", "refused", "refused or as written"
VALUES = (
    *CELLS,
    *("null", "~", "yes", "no", "on", ".inf", ".nan", "0x1F", "0o17", "1e400", "9" * 5000, "1:30", "2025-13-45"),
    *(
        "[]",
        "{}",
        "[[]]",
        "{a: {b: c}}",
        "[1, a, null]",
        "&a x",
        "*a",
        "&a [*a]",
        "!!python/object:os.system x",
        "!x y",
    ),
    *(
        "!!binary aGk=",
        "!!set {a}",
        "!!str 1",
        "|",
        ">-",
        "@x",
        "`x`",
        "%x",
        "? a",
        "- a",
        "a: b",
        "# x",
        "<<: x",
        "...",
    ),
    *(
        "größe",
        "file:../../x",
        "/dev/zero",
        "..",
        "/",
        "x" * 5000,
        "\\",
        "'",
        "'x",
        '"\\x00"',
        '"\\ud800"',
        '"\\U00110000"',
    ),
    *("https://x/y.gmt", "http://x", "https://", "env:X", "0 6 * * *", "* * *", "GSE1", "TCGA-X", "log2", "negative"),
    *("[" * 200, "{a: " * 200, "[" * 200 + "]" * 200),
)


@dataclass(frozen=True)
class Changed:
    """A changed study file, and the outcome that is required."""

    done: str
    content: bytes
    outcome: str = ANY


def change(text: str, seed: int) -> Changed:
    """One change of a study file by its seed."""
    chance = random.Random(seed)
    if chance.random() < 0.3:
        mutated = mutations.mutate_bytes(text.encode(), chance)
        return Changed(mutated.done, mutated.content, _of_bytes(mutated.done))
    lines = text.splitlines()
    settings = [n for n, line in enumerate(lines) if re.match(r"\s*(- )?[\w ]+:", line)]
    at, other = chance.choice(settings), chance.choice(settings)
    line = lines[at]
    name = re.match(r"(\s*(?:- )?)([\w ]+):(.*)", line)
    value = chance.choice(VALUES)

    def put(*new: str) -> bytes:
        return ("\n".join([*lines[:at], *new, *lines[at + 1 :]]) + "\n").encode()

    here = f"line {at + 1} ({line.strip()[:40]})"
    inner = list(re.finditer(r"(?<=[{,] )?\b\w+(?=: )", line.split(" #")[0]))
    word = chance.choice(inner) if inner else None
    letters = list(name[2])
    letters.insert(chance.randrange(1, len(letters) + 1), "qx")
    ways = {
        f"{here} lost": lambda: Changed("", put()),
        f"{here} twice": lambda: Changed("", put(line, line), ANY if "- " in name[1] else REFUSED),
        f"{here}: the key misspelt": lambda: Changed("", put(f"{name[1]}{''.join(letters)}:{name[3]}")),
        f"{here}: the value becomes {value[:40]!r}": lambda: Changed("", put(f"{name[1]}{name[2]}: {value}")),
        f"{here}: the key becomes {value[:40]!r}": lambda: Changed("", put(f"{name[1]}{value}:{name[3]}")),
        f"{here}: indented by one": lambda: Changed("", put(" " + line)),
        f"{here}: indented by two": lambda: Changed("", put("  " + line)),
        f"{here}: not indented": lambda: Changed("", put(line.lstrip())),
        f"{here}: by a tab": lambda: Changed("", put("\t" + line)),
        f"{here}: without colon": lambda: Changed("", put(line.replace(":", "", 1))),
        f"{here}: a bracket more": lambda: Changed("", put(line + " }")),
        f"{here}: a bracket less": lambda: Changed("", put(re.sub(r"[]}]", "", line, count=1))),
        f"{here}: a comma for a point": lambda: Changed("", put(re.sub(r"(\d)\.(\d)", r"\1,\2", line))),
        f"{here}: in place of line {other + 1}": lambda: Changed("", put(lines[other])),
        f"{here}: a comment after": lambda: Changed("", put(f"{line} # added by hand"), ANY if '"' in line else SAME),
        f"{here}: a blank line before": lambda: Changed("", put("", line), SAME),
        f"{here}: an unknown setting before": lambda: Changed(
            "", put(f"{re.match(' *', line)[0]}qxz: 1", line), ANY if "- " in name[1] else REFUSED
        ),
        "lines turned round": lambda: Changed("", "\n".join(lines[::-1]).encode()),
    }
    if word:
        misspelt = line[: word.end()] + "qx" + line[word.end() :]
        ways[f"{here}: {word[0]} misspelt"] = lambda: Changed("", put(misspelt))
    done = chance.choice(list(ways))
    made = ways[done]()
    return Changed(done, made.content, made.outcome)


def _of_bytes(done: str) -> str:
    same = r"(two|a) byte order marks?|lines end in CR( LF)?|no line end at the end|blank lines at the end"
    if re.fullmatch(same, done):
        return SAME
    refused = r"empty|UTF-16.*|packed.*|a web page|a workbook|twice|ü in Latin-1.*"
    return REFUSED if re.fullmatch(refused, done) else ANY


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("seed", seeds(quick=30, full=1500))
def test_a_changed_study_is_refused_with_a_message_or_read_as_written(tmp_path, name, seed):
    changed = change(STUDIES[name], seed)
    path = tmp_path / "study.yaml"
    path.write_bytes(STUDIES[name].encode())
    before = load_study(path)
    path.write_bytes(changed.content)
    study = mutations.read(lambda: load_study(path), names=["study.yaml"], done=changed.done)
    if changed.outcome == REFUSED:
        assert isinstance(study, StudyError), f"{changed.done}: ignored"
    if isinstance(study, HnbcError):
        assert changed.outcome != SAME, f"{changed.done}: {study}"
        assert re.search(r"line \d+|is empty|UTF-16|workbook|gzip|escape", str(study)), f"{changed.done}: {study}"
        return
    if changed.outcome == SAME:
        assert study == before, changed.done
    if "misspelt" in changed.done and study == before:
        raise AssertionError(f"{changed.done}: ignored")
    assert mutations.read(lambda: len(study.hash), done=changed.done) == 12
    assert not isinstance(mutations.read(lambda: upstreams(study, simulated=False), done=changed.done), HnbcError)
    refused = mutations.read(lambda: require_files(study, simulated=True), done=changed.done)
    assert refused is None or re.search(r"study\.yaml, line \d+, ", str(refused)), changed.done
