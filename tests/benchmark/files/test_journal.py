"""Files that only grow: whole records are found again, one that was cut off is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.files.journal import Journal
from facedeblur.benchmark.files.tables import from_line, header_line, read_rows, to_line
from facedeblur.benchmark.outputs import Status


def test_what_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "some.jsonl"
    assert list(Journal(path).records()) == []
    assert Journal(path).append([b"one\n", b"two\n"]) == [0, 4]
    with path.open("ab") as stream:
        stream.write(b"thr")
    again = Journal(path)
    assert list(again.records()) == [(0, b"one\n"), (4, b"two\n")]
    assert again.append([b"3\n"]) == [8] and path.read_bytes() == b"one\ntwo\n3\n"
    with again.reading() as record_at:
        assert (record_at(8), record_at(0)) == (b"3\n", b"one\n")
    again.cut(4)
    assert path.read_bytes() == b"one\n"
    again.rewrite([b"new\n"])
    assert list(again.records()) == [(0, b"new\n")]


def test_the_head_is_no_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "status.csv", head=header_line(Status))
    journal.append([])
    rows = [Status(0, "a", "ok", 0.1, "00"), Status(1, "b", "failed: 'x', \"y\"", float("nan"), "")]
    journal.append(map(to_line, rows))
    assert repr(list(read_rows(journal.path, Status))) == repr(rows)
    assert repr([from_line(line, Status) for _, line in journal.records()]) == repr(rows)
    journal.cut(next(journal.records())[0])
    assert journal.path.read_bytes() == header_line(Status) == b"index,pair_id,status,seconds,sha256\n"
    for line in (b"1,a\n", b"x,a,ok,0.1,00\n", b"\n"):
        with pytest.raises(ValueError):
            from_line(line, Status)


def test_a_missing_or_headless_file_is_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.csv"
    journal = Journal(path, head=header_line(Status))
    journal.cut()
    assert path.read_bytes() == header_line(Status)
    path.write_bytes(b"ind")
    again = Journal(path, head=header_line(Status))
    again.append([])
    assert path.read_bytes() == header_line(Status)


def test_a_whole_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    Journal(path).append([b"one\n"])
    before = path.stat()
    Journal(path).cut()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
