"""A leaderboard that stands: read back, merged into, described by its schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from refusals import told

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.reports.leaderboard.columns import schema
from facedeblur.reports.leaderboard.files import (
    read_leaderboard,
    records_of,
    to_json,
    write_leaderboard,
)
from facedeblur.reports.leaderboard.table import leaderboard, merge

PSNR = "psnr[rgb,255]"
Make = Callable[..., Scores]


def random_psnr(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, 80)


def on_disk(make: Make, folder: Path, method: str, psnr: np.ndarray, **more: Any) -> Path:
    target = folder / method
    target.mkdir(parents=True)
    make(method, psnr, **more).write(target / "scores.parquet")
    return target


@pytest.fixture
def odd(scores_of: Make) -> pd.DataFrame:
    """Infinite, missing, failed and oracle values, and a name with everything in it."""
    psnr = random_psnr(0)
    perfect = psnr.copy()
    perfect[3] = np.inf
    name = 'a, "b"\n---\n<script> ü\x7f: 1'
    tables = [scores_of(name, perfect), scores_of("b", psnr, status={1: "failed: x"}, oracle=True)]
    return leaderboard([*tables, scores_of("c", psnr - 1, columns=tables[0].meta.columns[:2])])


def test_what_is_written_reads_back_to_the_last_bit(odd: pd.DataFrame, tmp_path: Path) -> None:
    csv, json_ = write_leaderboard(odd, tmp_path / "board.csv")
    assert (csv.name, json_.name) == ("board.csv", "board.json")
    for name in (csv, json_):
        pd.testing.assert_frame_equal(read_leaderboard(name), odd, check_exact=True)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (
            lambda text: text.replace("run_hash", "hash", 1),
            "row 1: expected the columns of a leaderboard, found 2 missing",
        ),
        (lambda text: "[]", "expected a list of length >= 1 in a leaderboard"),
        (lambda text: "", "a leaderboard"),
        (lambda text: text[:-100], "a leaderboard"),
        (lambda text: text.replace('"oracle": false', '"oracle": "maybe"'), "column oracle: expected true or false"),
        (lambda text: text.replace('"pairs": 80', '"pairs": "many"'), "column pairs: expected a whole number"),
        (lambda text: text.replace('"pairs": 80', '"pairs": 80.5'), "found '80.5'"),
        (lambda text: text.replace('"pairs": 80', '"pairs": -1'), "found '-1'"),
        (lambda text: text.replace('"pairs": 80', '"pairs": null'), "found 'None'"),
        (lambda text: text.replace('"pairs": 80', '"pairs": NaN'), "found 'nan'"),
        (lambda text: text.replace('"ranked_by": "psnr', '"ranked_by": "what'), "a metric in ranked_by"),
    ],
)
def test_another_table_is_refused(scores_of: Make, tmp_path: Path, spoil: Callable[[str], str], line: str) -> None:
    path = tmp_path / "board.csv"
    _, file = write_leaderboard(leaderboard([scores_of("a", random_psnr(0)), scores_of("b", random_psnr(1))]), path)
    before = file.read_text()
    file.write_text(spoil(before))
    assert file.read_text() != before
    said = told(lambda: read_leaderboard(path))
    assert line in said and "board.json" in said
    assert "not found" in told(lambda: read_leaderboard(tmp_path / "none.csv"))


def test_a_csv_file_without_its_json_file_is_refused_with_advice(scores_of: Make, tmp_path: Path) -> None:
    csv, file = write_leaderboard(leaderboard([scores_of("a", random_psnr(0))]), tmp_path / "board.csv")
    file.unlink()
    said = told(lambda: read_leaderboard(csv))
    assert "board.csv: cannot be read without board.json next to it; write both files again" in said


def test_either_file_names_both(scores_of: Make, tmp_path: Path) -> None:
    frame = leaderboard([scores_of("a", random_psnr(0))])
    for given, csv, file in [
        ("b.csv", "b.csv", "b.json"),
        ("b.json", "b.csv", "b.json"),
        ("v1.2", "v1.2", "v1.2.json"),
        ("B.CSV", "B.CSV", "B.json"),
    ]:
        assert write_leaderboard(frame, tmp_path / given) == (tmp_path / csv, tmp_path / file)


def test_a_json_file_that_is_something_else_is_not_overwritten(scores_of: Make, tmp_path: Path) -> None:
    frame = leaderboard([scores_of("a", random_psnr(0))])
    for other in ('{"mine": 1}', "[1, 2]", "no json"):
        (tmp_path / "results.json").write_text(other)
        assert "would be overwritten" in told(lambda: write_leaderboard(frame, tmp_path / "results.csv"))
        assert (tmp_path / "results.json").read_text() == other and not (tmp_path / "results.csv").exists()


def test_both_files_are_written_or_none_and_the_json_file_first(
    scores_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (leaderboard([scores_of(name, random_psnr(0))]) for name in "ab")
    csv, file = write_leaderboard(old, tmp_path / "board.csv")
    before = csv.read_bytes(), file.read_bytes()
    renamed: list[str] = []
    replace_file = Path.replace

    def observed(self: Path, target: Path) -> Path:
        renamed.append(target.name)
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", observed)
    with monkeypatch.context() as broken:
        broken.setattr("facedeblur.reports.leaderboard.files.to_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_leaderboard(new, csv)
    assert (csv.read_bytes(), file.read_bytes()) == before and renamed == []
    write_leaderboard(new, csv)
    assert renamed == ["board.json", "board.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board.csv", "board.json"]


def test_the_csv_file_opens_in_pandas(odd: pd.DataFrame, tmp_path: Path) -> None:
    csv, _ = write_leaderboard(odd, tmp_path / "board.csv")
    data = csv.read_bytes()
    assert not data.startswith(b"\xef\xbb\xbf") and b"\r" not in data
    assert len(data.decode("utf-8").splitlines()) == len(odd) + 1, "no name breaks a line"
    read = pd.read_csv(csv)
    assert list(read["method"]) == ['a, "b" --- <script> ü : 1', "c", "b"]
    assert read["oracle"].dtype == bool and list(read["oracle"]) == [False, False, True]
    assert list(read["rank"][:2]) == [1, 2] and math.isnan(read["rank"][2])
    assert list(read["n"]) == [80] * 3 and list(read["failed"]) == [0, 0, 1]
    assert math.isinf(read.psnr_mean[0]) and math.isnan(read.psnr_std[0])
    assert read["identity_mean"].isna().tolist() == [False, True, False], "c was not measured by it"
    for row, (_, known) in zip(read.to_dict("records"), odd.iterrows(), strict=True):
        for part in ("mean", "std", "low", "high", "worst"):
            assert row[f"psnr_{part}"] == pytest.approx(known[f"{PSNR}:{part}"], rel=5e-6, nan_ok=True)
            assert len(str(row[f"psnr_{part}"]).replace(".", "").lstrip("-0")) <= 6


def test_paths_of_scores_follow_the_board(scores_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk(scores_of, tmp_path / "runs", "a", random_psnr(0))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    write_leaderboard(leaderboard([Path("runs/a")]), "site/board.csv")
    assert "../runs/a/scores.parquet" in Path("site/board.json").read_text()
    assert Scores.read(read_leaderboard("site/board.csv")["scores"][0]).meta.method == "a"


def test_merged_is_the_same_as_made_at_once(scores_of: Make, tmp_path: Path) -> None:
    psnr = random_psnr(0)
    runs = [
        on_disk(scores_of, tmp_path, name, psnr + gain, oracle=name == "wiener")
        for name, gain in [("a", 0.0), ("b", 1.0), ("wiener", 5.0), ("c", random_psnr(3) / 100)]
    ]
    merged = merge(merge(leaderboard(runs[:2]), leaderboard(runs[2:3])), leaderboard(runs[3:]))
    pd.testing.assert_frame_equal(merged, leaderboard(runs), check_exact=True)
    assert set(merged["group"][:3]) != {""}
    again = merge(merged, leaderboard([runs[1]]))
    pd.testing.assert_frame_equal(again, merged, check_exact=True)


def test_letters_go_where_the_scores_are_gone(scores_of: Make, tmp_path: Path) -> None:
    a, b = (on_disk(scores_of, tmp_path, name, random_psnr(place)) for place, name in enumerate("ab"))
    old = leaderboard([a])
    (a / "scores.parquet").unlink()
    merged = merge(old, leaderboard([b]))
    assert list(merged["group"]) == ["", ""] and "scores of 'a' are not where" in merged["group_rule"][0]
    scores_of("a", random_psnr(7), run={"hash": "changed"}).write(a / "scores.parquet")
    assert "of another run by now" in merge(old, leaderboard([b]))["group_rule"][0]


def test_letters_go_where_the_scores_are_of_another_protocol_by_now(scores_of: Make, tmp_path: Path) -> None:
    a, b = (on_disk(scores_of, tmp_path, name, random_psnr(place)) for place, name in enumerate("ab"))
    old = leaderboard([a])
    table = Scores.read(a)
    other = Column("ssim[skimage,uniform,w7]", "SSIM", "", True, -1.0)
    scores_of("a", random_psnr(0), columns=(table.meta.columns[0], other)).write(a / "scores.parquet")
    merged = merge(old, leaderboard([b]))
    assert list(merged["group"]) == ["", ""] and "ssim[skimage,uniform,w7]" in merged["group_rule"][0]


def test_letters_do_not_hang_on_the_hash_of_a_run(scores_of: Make, tmp_path: Path) -> None:
    psnr = random_psnr(0)
    runs = [
        on_disk(scores_of, tmp_path, name, psnr + gain, run={"hash": ""}) for name, gain in (("a", 9.0), ("b", 0.0))
    ]
    merged = merge(leaderboard(runs[:1]), leaderboard(runs[1:]))
    assert list(merged["group"]) == list(leaderboard(runs)["group"]) == ["a", "b"]


def test_rows_of_other_sets_are_left_alone(scores_of: Make) -> None:
    old = leaderboard([scores_of("a", random_psnr(0)), scores_of("b", random_psnr(1))])
    table = scores_of("a", random_psnr(2), set_hash="b2" * 32)
    other = Scores(table.frame, replace(table.meta, set={**table.meta.set, "name": "elsewhere"}))
    merged = merge(old, leaderboard([other]))
    same = merged[merged["set"] == "tiny"].drop(columns=["mean_rank_sets"])
    pd.testing.assert_frame_equal(same, old.drop(columns=["mean_rank_sets"]), check_exact=True)
    assert merged["mean_rank_sets"].notna().sum() == 2, "a is on both sets"


def test_another_run_takes_the_row_only_when_told(scores_of: Make) -> None:
    old = leaderboard([scores_of("a", random_psnr(0)), scores_of("b", random_psnr(1))])
    new = leaderboard([scores_of("a", random_psnr(2), run={"hash": "f00d" * 16})])
    said = told(lambda: merge(old, new))
    assert "--replace" in said and "a-hash" in said and "f00df00df0" in said
    merged = merge(old, new, replace=True)
    assert len(merged) == 2
    row = merged.set_index("method").loc["a"]
    assert row["run_hash"] == "f00d" * 16 and row[f"{PSNR}:mean"] == new[f"{PSNR}:mean"][0]


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"set_hash": "b2" * 32}, ["row of 'new'", "set 'tiny'", "a1a1a1a1", "b2b2b2b2"]),
        ({"columns": 0}, ["ssim[matlab3d,s1.5,w11]", "ssim[skimage,uniform,w7]", "as 'a' on the board"]),
        ({"columns": 1}, ["ranked by psnr[rgb,255]", "psnr[y-full,255]"]),
        ({"columns": 2}, ["a failure value of 0 as 'a' on the board", "found 10"]),
        ({"n": 40}, ["80 pairs", "40 pairs"]),
    ],
)
def test_what_does_not_compare_does_not_get_on(scores_of: Make, change: dict[str, Any], parts: list[str]) -> None:
    old = leaderboard([scores_of("a", random_psnr(0))])
    columns = scores_of("a", random_psnr(0)).meta.columns
    others = [
        (columns[0], Column("ssim[skimage,uniform,w7]", "SSIM", "", True, -1.0)),
        (Column("psnr[y-full,255]", "PSNR Y", "dB", True, 0.0),),
        (replace(columns[0], failure=10.0), *columns[1:]),
    ]
    given = {"columns": others[change["columns"]]} if "columns" in change else {}
    given |= {"set_hash": change["set_hash"]} if "set_hash" in change else {}
    new = leaderboard([scores_of("new", random_psnr(1)[: change.get("n", 80)], **given)])
    for flag in (False, True):
        said = told(lambda flag=flag: merge(old, new, replace=flag))  # type: ignore[misc]
        assert all(part in said for part in parts), said


def errors(value: Any, rule: dict[str, Any], root: dict[str, Any], where: str = "") -> list[str]:
    """What is wrong with a value by the part of JSON Schema that is used here."""
    if "$ref" in rule:
        return errors(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root, where)
    kinds = {"array": list, "object": dict, "string": str, "boolean": bool, "null": type(None)}
    kinds |= {"integer": int, "number": (int, float)}  # type: ignore[dict-item]
    if "type" in rule:
        right = isinstance(value, kinds[rule["type"]]) and not (
            isinstance(value, bool) and rule["type"] in ("integer", "number")
        )
        if not right:
            return [f"{where}: {value!r} is no {rule['type']}"]
    found = []
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{where}: {value!r} not in {rule['enum']}")
    if "minimum" in rule and value < rule["minimum"]:
        found.append(f"{where}: {value} below {rule['minimum']}")
    if "pattern" in rule and isinstance(value, str) and not re.search(rule["pattern"], value):
        found.append(f"{where}: {value!r} against {rule['pattern']}")
    if "anyOf" in rule and all(errors(value, one, root, where) for one in rule["anyOf"]):
        found.append(f"{where}: {value!r} fits none")
    for place, item in enumerate(value if isinstance(value, list) else []):
        found += errors(item, rule.get("items", {}), root, f"{where}[{place}]")
    if isinstance(value, dict):
        found += [f"{where}: {name} missing" for name in rule.get("required", []) if name not in value]
        for name, item in value.items():
            fitting = [one for pattern, one in rule.get("patternProperties", {}).items() if re.search(pattern, name)]
            fitting += [rule["properties"][name]] if name in rule.get("properties", {}) else []
            if not fitting and rule.get("additionalProperties") is False:
                found.append(f"{where}: {name} is not known")
            found += [line for one in fitting for line in errors(item, one, root, f"{where}.{name}")]
    return found


def test_rows_are_as_the_schema_says(odd: pd.DataFrame) -> None:
    written = json.loads(
        (files("facedeblur.reports.leaderboard") / "schema" / "leaderboard.schema.json").read_text("utf-8")
    )
    assert written == schema(), "the file is made by columns.schema()"
    rows = json.loads(to_json(odd))
    assert errors(rows, written, written) == []
    for change, line in [
        ({"rank": -1}, "rank"),
        ({"pairs": None}, "pairs"),
        ({"oracle": "yes"}, "oracle"),
        ({f"{PSNR}:mean": "high"}, "mean"),
        ({f"{PSNR}:meen": 1.0}, "not known"),
        ({"coverage": "all"}, "coverage"),
    ]:
        found = errors([{**rows[0], **change}], written, written)
        assert len(found) == 1 and line in found[0]
    without = {name: value for name, value in rows[0].items() if name != "set_hash"}
    assert errors([without], written, written) == ["[0]: set_hash missing"]


def test_rows_are_as_the_schema_says_to_jsonschema(odd: pd.DataFrame) -> None:
    validator = pytest.importorskip("jsonschema").Draft202012Validator
    validator.check_schema(schema())
    assert not list(validator(schema()).iter_errors(records_of(odd)))
