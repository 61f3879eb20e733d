"""Strata by traits against pandas: values, bins, faces of which nothing is known, and what cannot be asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.leaderboard.board import Board, gather
from facedeblur.reports.leaderboard.traits import by_traits, traits_frame

Make = Callable[..., Scores]
PSNR = "psnr[rgb,255]"
FACES = 16


@pytest.fixture
def board(scores_of: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Board]:
    """``board(traits, name=...)`` is two methods on a set of 16 faces whose table of traits is the one given."""
    tables: dict[str, pd.DataFrame | None] = {}
    monkeypatch.setattr(Board, "open_set", lambda board: SimpleNamespace(traits=tables[board.set["hash"]]))

    def make(traits: dict[str, Any] | None, name: str = "a1") -> Board:
        tables[name] = None if traits is None else pd.DataFrame(traits)
        psnr = np.random.default_rng(0).normal(25, 3, FACES * 10)
        two = [
            scores_of("lead", psnr, set_hash=name, status={7: "failed: hung"}),
            scores_of("other", psnr - 2, set_hash=name),
        ]
        return gather(two)

    return make


def ids(*numbers: int) -> list[str]:
    return [f"face{number:04d}" for number in numbers]


def test_values_are_what_pandas_groups_with_the_interval_of_their_rows(board: Callable[..., Board]) -> None:
    smiling = [float(number % 2) for number in range(FACES - 1)]
    made = board({"image_id": ids(*range(FACES - 1)), "Smiling": smiling})
    ((table,),) = by_traits([made], ["Smiling"])
    assert [(row.name, row.faces, row.pairs) for row in table.rows] == [
        ("0", 8, 80), ("1", 7, 70), ("unknown", 1, 10)
    ]  # fmt: skip
    scores = made.leader.scores
    frame = scores.frame.assign(**{PSNR: scores.frame[PSNR].fillna(0.0)})
    known = frame["image_id"].map(dict(zip(ids(*range(FACES - 1)), smiling, strict=True)))
    groups = frame.groupby(known)[PSNR]
    for row, value in zip(table.rows, (0.0, 1.0), strict=False):
        assert row.cells[0] == pytest.approx((groups.mean()[value], groups.std(ddof=0)[value]), abs=1e-12)
        alone = gather([scores.taken(np.flatnonzero(known == value))]).leader.spread(made.headline).interval
        interval = row.spreads[0].interval
        assert alone is not None and interval is not None and "kernels" in interval.basis
        assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    assert table.rows[2].spreads[0].absent == "only 1 face"


def test_an_angle_is_divided_by_its_size_and_an_empty_bin_is_listed(board: Callable[..., Board]) -> None:
    yaw = [0.0, -14.99, 15.0, -15.0, 29.0, -30.0, 90.0, np.nan]
    made = board({"image_id": ids(*range(8)), "yaw": yaw, "age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]})
    ((usual, own, age),) = by_traits([made], ["yaw", "yaw:95", "age:2,5,6"])
    assert [(row.name, row.faces) for row in usual.rows] == [
        ("|yaw| < 15°", 2), ("15° ≤ |yaw| < 30°", 3), ("|yaw| ≥ 30°", 2), ("unknown", 9)
    ]  # fmt: skip
    assert [(row.name, row.faces, row.pairs) for row in own.rows] == [
        ("|yaw| < 95°", 7, 70), ("|yaw| ≥ 95°", 0, 0), ("unknown", 9, 90)
    ]  # fmt: skip
    assert own.rows[1].cells == (None, None) and own.rows[1].spreads[0].absent == "no values"
    assert [(row.name, row.faces) for row in age.rows] == [
        ("age < 2", 1), ("2 ≤ age < 5", 3), ("5 ≤ age < 6", 1), ("age ≥ 6", 3), ("unknown", 8)
    ]  # fmt: skip
    assert all(sum(row.pairs for row in table.rows) == FACES * 10 for table in (usual, own, age)), "nothing is dropped"


def test_a_set_without_the_trait_is_unknown_as_a_whole(board: Callable[..., Board]) -> None:
    words = {"image_id": ids(0, 1, 2), "light": ["lamp", None, "sun"]}
    boards = [board(words), board(None, "b2"), board({"image_id": ids(0), "light": ["dusk"]}, "c3")]
    found = by_traits(boards, ["light", "light"])
    assert [[(row.name, row.faces) for row in tables[0].rows] for tables in found] == [
        [("lamp", 1), ("sun", 1), ("unknown", 14)], [("unknown", 16)], [("dusk", 1), ("unknown", 15)]
    ]  # fmt: skip
    assert all(len(tables) == 1 for tables in found), "asked for twice, shown once"
    frame = traits_frame(boards, found)
    assert len(frame) == 2 * 6 and frame["pairs"].sum() == 2 * 3 * FACES * 10
    assert frame[["set_hash", "stratum", "method", "faces"]].iloc[0].tolist() == ["a1", "lamp", "lead", 1]
    assert frame["absent"].iloc[0] == "only 1 face" and np.isnan(frame["low"].iloc[0])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("Smile", "trait 'Smile': no set has this trait; did you mean 'Smiling'? There are: Smiling, age, light, yaw"),
        ("x", "trait 'x': no set has this trait; known: Smiling, age, light, yaw"),
        ("x:3", "trait 'x': no set has this trait"),
        ("yaw:30,15", "bins of trait 'yaw': expected ascending angles above 0, such as yaw:15,30, found '30,15'"),
        ("yaw:0,15", "expected ascending angles above 0"),
        ("age:", "bins of trait 'age': expected ascending numbers, such as age:15,30, found ''"),
        ("age:1,inf", "expected ascending numbers"),
        ("light:3", "trait 'light': has words, which have no bins; ask for light alone"),
        ("age", "has 30 values, and at most 24 are shown; divide them into bins, for example age:7.25,14.5,21.8"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_one_line(board: Callable[..., Board], wanted: str, said: str) -> None:
    table = {"image_id": ids(*range(30)), "Smiling": 1.0, "yaw": 3.0, "light": "lamp", "age": np.arange(30.0)}
    with pytest.raises(InputError) as error:
        by_traits([board(table)], [wanted])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_sets_without_any_traits_are_told_where_traits_come_from(board: Callable[..., Board]) -> None:
    assert by_traits([board(None)], []) == [[]]
    with pytest.raises(
        InputError, match=r"trait 'yaw': the faces of these sets have no traits; put a traits\.csv next"
    ):
        by_traits([board(None)], ["yaw"])
