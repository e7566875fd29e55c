"""Progress on the console: what a reader sees during downloads."""

from __future__ import annotations

import io

from hnbc_assets.sources.web import progress
from hnbc_assets.sources.web.progress import ConsoleProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_have_files_bytes_rate_and_time_left(monkeypatch):
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    stream = io.StringIO()
    console = ConsoleProgress("TCGA-BRCA", stream=stream, every_seconds=0)
    console.start(4, 4_000_000)
    now += 20.0
    console.advance(files=1, bytes=1_000_000)
    console.advance(files=3, bytes=3_000_000)
    console.done()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("TCGA-BRCA: 1 of 4 files, 1.0 MB of 4.0 MB, ")
    assert lines[0].endswith("50.0 kB/s, 1:00 left")
    assert lines[-1].startswith("TCGA-BRCA: 4 of 4 files, 4.0 MB of 4.0 MB, ")
    assert "left" not in lines[-1]


def test_if_upstream_states_no_size_the_files_are_counted():
    stream = io.StringIO()
    console = ConsoleProgress("GEO", stream=stream, every_seconds=0)
    console.start(2, None)
    console.advance(files=1, bytes=500)
    console.done()
    assert "1 of 2 files, 500 B, " in stream.getvalue()


def test_few_lines_are_printed_however_many_pieces_there_are():
    stream = io.StringIO()
    console = ConsoleProgress("many", stream=stream)
    console.start(1, 1000)
    for _ in range(1000):
        console.advance(bytes=1)
    console.done()
    assert len(stream.getvalue().splitlines()) == 1


def test_a_terminal_has_a_bar_and_keeps_its_last_line():
    stream = Terminal()
    console = ConsoleProgress("TCGA-BRCA", stream=stream)
    console.start(1, 10)
    console.advance(files=1, bytes=10)
    console.done()
    assert stream.getvalue().rstrip().splitlines()[-1].endswith("/s")


def test_bytes_and_durations_are_in_readable_units():
    assert [progress.size(n) for n in (0, 999, 1500, 5.2e9, 5e13)] == ["0 B", "999 B", "1.5 kB", "5.2 GB", "50000.0 GB"]
    assert [progress.duration(s) for s in (0.4, 61, 3725)] == ["0:00", "1:01", "1:02:05"]
