"""An archived file as text: plain or gzip, whole or damaged; a reader's own errors are not changed."""

from __future__ import annotations

import gzip

import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived

TEXT = "".join(f"gene{number}\t{number * 0.37}\r\n" for number in range(200_000))


@pytest.fixture(params=["plain", "gzip", "gzip of two members"])
def file(request, tmp_path):
    content = TEXT.encode()
    if request.param == "gzip":
        content = gzip.compress(content)
    elif request.param == "gzip of two members":
        content = gzip.compress(content[:1000]) + gzip.compress(content[1000:])
    path = tmp_path / "table.txt"
    path.write_bytes(b"\xef\xbb\xbf" + content if request.param == "plain" else content)
    return path


def test_lines_are_read_with_one_kind_of_line_end_and_without_a_byte_order_mark(file):
    with archived.open_text(file) as stream:
        assert stream.read() == TEXT.replace("\r\n", "\n")
    with archived.open_text(file) as stream:
        assert next(stream) == "gene0\t0.0\n"


@pytest.mark.parametrize("cut", [20, 5_000, 200_000], ids=str)
def test_a_gzip_file_that_ends_early_or_is_damaged_raises_while_it_is_read(tmp_path, cut):
    path, packed = tmp_path / "table.txt.gz", gzip.compress(TEXT.encode(), mtime=0)
    damaged = bytearray(packed)
    damaged[cut : cut + 40] = bytes(40)
    for content in (packed[:cut], damaged):
        path.write_bytes(content)
        with archived.open_text(path) as stream, pytest.raises(FormatError, match=r"table\.txt\.gz .*fetch it again"):
            for _ in stream:
                pass


def test_an_error_of_the_reader_is_not_interpreted_as_damage_of_the_file(file):
    def reader():
        with archived.open_text(file) as stream:
            next(stream)
            raise EOFError("of another file")

    with pytest.raises(EOFError, match="of another file"):
        reader()
