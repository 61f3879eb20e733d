"""A leaderboard elsewhere: model cards, results for the Hugging Face Hub, Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from refusals import told

from facedeblur.benchmark.scoring.table import Scores
from facedeblur.reports.hub import front_matter, task_id
from facedeblur.reports.leaderboard.results import (
    data_sets,
    eval_results,
    left_out,
    model_index,
    to_markdown,
    write_cards,
    write_eval_results,
)
from facedeblur.reports.leaderboard.table import leaderboard

PSNR = "psnr[rgb,255]"
HUB = {"tiny": "me/tiny"}
Make = Callable[..., Scores]


def random_psnr(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(25, 3, 80)


@pytest.fixture
def odd(scores_of: Make) -> pd.DataFrame:
    """Infinite, missing, failed and oracle values, and a name with everything in it."""
    psnr = random_psnr(0)
    perfect = psnr.copy()
    perfect[3] = np.inf
    name = 'a, "b"\n---\n<script> ü\x7f: 1'
    tables = [scores_of(name, perfect), scores_of("b|c", psnr, status={1: "failed: x"}, oracle=True)]
    return leaderboard([*tables, scores_of("c", psnr - 1, columns=tables[0].meta.columns[:2])])


@pytest.fixture
def two(scores_of: Make) -> pd.DataFrame:
    """One method on two sets."""
    table = scores_of("a", random_psnr(2), set_hash="b2" * 32)
    other = Scores(table.frame, replace(table.meta, set={**table.meta.set, "name": "else where/2"}))
    return leaderboard([scores_of("a", random_psnr(0)), other])


def test_model_cards_are_read_by_hugging_face(odd: pd.DataFrame) -> None:
    yaml = pytest.importorskip("yaml")
    hub = pytest.importorskip("huggingface_hub")
    for row, (method, card) in zip(odd.to_dict("records"), model_index(odd).items(), strict=True):
        text = front_matter(card)
        assert text.startswith("---\nmodel-index:\n") and text.endswith("\n---\n")
        data = yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n"))
        assert data == card and data["model-index"][0]["name"] == method == row["method"]
        parsed = hub.ModelCard(text + "\n# Text\n").data
        (name, results) = hub.repocard_data.model_index_to_eval_results(data["model-index"])
        assert name == method and parsed.to_dict()["model-index"][0]["name"] == method
        first = results[0]
        assert (first.task_type, first.metric_type, first.dataset_name) == ("image-to-image", "psnr", "tiny")
        assert first.dataset_revision == "a1" * 32 and first.metric_args["signature"] == PSNR
        assert first.metric_value == row[f"{PSNR}:mean"]
        assert first.metric_args["oracle"] == row["oracle"]
    assert math.isinf(odd[f"{PSNR}:mean"][0]), "an infinite value was among them"


def test_two_sets_are_two_results_of_one_card(two: pd.DataFrame) -> None:
    (card,) = model_index(two).values()
    results = card["model-index"][0]["results"]
    assert [one["dataset"]["type"] for one in results] == ["tiny", "else-where-2"]
    assert [one["dataset"]["revision"] for one in results] == ["a1" * 32, "b2" * 32]
    assert results[0]["metrics"][0]["args"]["interval_95"][0] < results[0]["metrics"][0]["value"]
    assert results[0]["metrics"][0]["args"]["interval_95_from"] == "8 faces x 40 kernels"


def test_cards_of_alike_names_stay_apart(scores_of: Make, tmp_path: Path) -> None:
    tables = [scores_of(name, random_psnr(place)) for place, name in enumerate(["../x y", "../x/y", "\n"])]
    written = write_cards(leaderboard(tables), tmp_path / "cards")
    assert {path.parent for path in written} == {tmp_path / "cards"}
    assert sorted(path.name for path in written) == ["method.md", "x-y-2.md", "x-y.md"]


def test_a_card_names_the_set_as_the_hub_does(two: pd.DataFrame) -> None:
    (card,) = model_index(two, HUB).values()
    assert [one["dataset"]["type"] for one in card["model-index"][0]["results"]] == ["me/tiny", "else-where-2"]


def test_results_are_read_by_hugging_face(odd: pd.DataFrame, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    hub = pytest.importorskip("huggingface_hub")
    if not hasattr(hub, "parse_eval_result_entries"):
        pytest.skip("this huggingface_hub does not read .eval_results/")
    results = eval_results(odd, HUB)
    written = write_eval_results(odd, tmp_path / "out", HUB)
    assert len(written) == len(results) == 3
    for path, (method, repo), entries in zip(written, results, results.values(), strict=True):
        assert repo == "me/tiny" and path.parts[-2:] == (".eval_results", "me-tiny.yaml")
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert data == entries
        parsed = hub.parse_eval_result_entries(data)
        (row,) = odd[odd["method"] == method].to_dict("records")
        for one in parsed:
            assert one.dataset_id == "me/tiny" and "content hash " + "a1" * 32 in one.notes
            (signature,) = [name for name in map(str, odd) if name.endswith(":mean") and
                            task_id(name.removesuffix(":mean")) == one.task_id]  # fmt: skip
            assert one.value == row[signature] and f"mean of {signature.removesuffix(':mean')}" in one.notes
            assert ("oracle" in one.notes) == row["oracle"]
        assert (task_id(PSNR) in [one.task_id for one in parsed]) == math.isfinite(row[f"{PSNR}:mean"])


def test_infinite_values_are_left_out_and_said(odd: pd.DataFrame) -> None:
    (line,) = left_out(odd)
    assert line.startswith("left out: PSNR of a, ") and line.endswith("on tiny is infinite")


def test_failures_and_intervals_are_in_the_notes(odd: pd.DataFrame) -> None:
    notes = eval_results(odd, HUB)["b|c", "me/tiny"][0]["notes"]
    row = odd[odd["oracle"]].to_dict("records")[0]
    assert "; 1 failed, which count as 0; " in notes
    assert f"; 95 % interval {row[f'{PSNR}:low']:.6g} to {row[f'{PSNR}:high']:.6g}; " in notes


def test_each_set_needs_its_name_on_the_hub(two: pd.DataFrame) -> None:
    assert "--dataset 'else where/2=OWNER/NAME'" in told(lambda: eval_results(two, HUB))
    both = data_sets(two, ["tiny=me/tiny", "else where/2=me/other"])
    assert list(eval_results(two, both)) == [("a", "me/tiny"), ("a", "me/other")]
    for given, line in [
        (["me/tiny"], "expected SET=OWNER/NAME with several sets"),
        (["tni=me/tiny"], "set 'tni' is not on the leaderboard; did you mean 'tiny'?"),
        (["tiny=me/tiny", "tiny=me/x"], "set 'tiny' has two names on the Hub"),
        (["tiny=me"], "expected the name of a repository of the Hub, OWNER/NAME"),
    ]:
        assert line in told(lambda given=given: data_sets(two, given))


def test_one_set_needs_no_name(odd: pd.DataFrame) -> None:
    assert data_sets(odd, ["me/tiny"]) == HUB


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_a_table_for_a_pull_request(odd: pd.DataFrame) -> None:
    text = to_markdown(odd, HUB)
    lines = text.splitlines()
    heading, _, *rows = [cells(line) for line in lines if line.startswith("|")]
    assert {len(row) for row in rows} == {len(heading)}, "a method's name with a bar in it is one cell"
    assert [row[0] for row in rows] == ["1", "2", ""]
    assert rows[0][1] == 'a, "b" --- \\<script\\> ü : 1' and rows[2][1] == r"b\|c (oracle)"
    psnr = heading.index("PSNR ↑ dB")
    mean, std, low = (odd.iloc[1][f"{PSNR}:{part}"] for part in ("mean", "std", "low"))
    assert rows[1][psnr].startswith(f"{mean:.2f} ±{std:.2f} \\[{low:.1f}") and rows[0][psnr].startswith("**∞**")
    assert lines[0].startswith("**[tiny](https://huggingface.co/datasets/me/tiny)**: 80 pairs, content hash `a1a1")
    (definition,) = [line for line in lines if line.startswith("- PSNR: ")]
    assert "`psnr[rgb,255]`" in definition and "three RGB channels" in definition


def test_two_sets_are_two_tables(two: pd.DataFrame) -> None:
    text = to_markdown(two)
    assert text.count("\n| ---:") == 2 and "**else where/2**" in text and text.count("- PSNR: ") == 1


def test_results_of_alike_names_stay_apart(scores_of: Make, tmp_path: Path) -> None:
    tables = [scores_of(name, random_psnr(place)) for place, name in enumerate(["Net", "net", ".."])]
    written = write_eval_results(leaderboard(tables), tmp_path, HUB)
    assert sorted(path.relative_to(tmp_path).parts[0] for path in written) == ["Net", "method", "net-2"]


def test_values_of_a_part_of_a_set_are_told_apart(odd: pd.DataFrame) -> None:
    part = odd.assign(set_pairs=8000)
    assert "of 80 of the set's 8,000 pairs, and those of a benchmark are of all" in told(
        lambda: eval_results(part, HUB)
    )
    assert "**tiny**: 80 of the set's 8,000 pairs, content hash" in to_markdown(part)
    (card, *_) = model_index(part).values()
    assert card["model-index"][0]["results"][0]["dataset"]["args"]["part"] == "80 of the set's 8,000 pairs"
