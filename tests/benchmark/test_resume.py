"""Interrupted jobs resume: parts with another key are not read, damaged ones are computed again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark import resume
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.reporter import Reporter
from facedeblur.benchmark.resume import check_same, compute_parts, grouped, parts_folder, remove_parts

CALLS: list[int] = []


def square(task: int) -> dict[str, np.ndarray]:
    CALLS.append(task)
    return {"value": np.array([task**2])}


def squares(folder: Path | None, told: list[str] | None = None) -> list[int]:
    reporter = Reporter(say=(told if told is not None else []).append)
    parts = compute_parts(square, range(5), folder, weigh=lambda task: 1, workers=1, reporter=reporter)
    return [int(part["value"][0]) for part in parts]


def test_parts_are_kept_under_their_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "IMAGES_A_PART", 2)
    CALLS.clear()
    file = tmp_path / "result.parquet"
    folder = parts_folder(file, "squares", ["a"])
    assert squares(folder) == [0, 1, 4, 9, 16] and CALLS == [0, 1, 2, 3, 4]
    assert [part.name for part in sorted(folder.iterdir())] == ["000000.npz", "000001.npz", "000002.npz"]
    (folder / "000001.npz").write_bytes(b"PK damaged")
    told: list[str] = []
    CALLS.clear()
    assert squares(parts_folder(file, "squares", ["a"]), told) == [0, 1, 4, 9, 16] and CALLS == [2, 3]
    assert len(told) == 1 and "000001.npz: damaged" in told[0]
    other = parts_folder(file, "squares", ["b"])
    assert other != folder and not folder.exists() and list(other.iterdir()) == []
    squares(other)
    assert list(parts_folder(file, "squares", ["b"], fresh=True).iterdir()) == []
    remove_parts(file)
    assert list(tmp_path.iterdir()) == []
    assert squares(None) == [0, 1, 4, 9, 16]


def test_groups_weigh_enough() -> None:
    assert list(grouped([3, 1, 1, 5, 1], lambda item: item, 4)) == [[3, 1], [1, 5], [1]]
    assert list(grouped([], lambda item: 1, 4)) == []


def test_the_folder_of_another_job_is_refused(tmp_path: Path) -> None:
    kept = {"method": "wiener", "options": {"gamma": "0.1", "k": 2}, "extra": 1}
    check_same(tmp_path, kept, {"method": "wiener", "options": {"gamma": "0.1", "k": 2}}, of="a run", do="do this")
    for wanted, said in (
        ({"method": "unsharp"}, "expected a run with method = unsharp, found wiener; do this"),
        ({"options": {"gamma": "0.2", "k": 2}}, "a run with options.gamma = 0.2, found 0.1"),
        ({"options": {"gamma": "0.1"}}, "a run with options.k = nothing, found 2"),
        ({"version": 1}, "a run with version = 1, found None"),
    ):
        with pytest.raises(InputError, match=said):
            check_same(tmp_path, kept, wanted, of="a run", do="do this")
    with pytest.raises(InputError, match="not the description of a run"):
        check_same(tmp_path, [], {"method": "wiener"}, of="a run", do="do this")
