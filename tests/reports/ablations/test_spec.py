"""Ablations as data: every row has a recipe and a place in the paper's table, and a scale divides what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.recipe import load_train_recipe
from facedeblur.reports.ablations.run import _digest, _parts
from facedeblur.reports.ablations.spec import Scale, ablations, faces_of, load_ablations, recipe_of, scaled

SMALL = Scale("small", widths=8, steps=1000, faces=20, batch=2, rates=25)


@pytest.mark.parametrize("paper", ["shen2020", "lin2020", "dfpgnet", "umsn"])
def test_every_row_of_the_printed_table_can_be_trained(paper: str):
    assert paper in ablations()
    made = load_ablations(paper)
    for table in made.table:
        _, layout = made.find(table.number)
        assert [row.label for row in table.row] == [subject.label for subject in layout.subjects]
        recipes = [recipe_of(row, made.at("small")) for row in table.row]
        assert len({_digest(recipe.described()) for recipe in recipes}) == len(recipes)


def test_a_scale_divides_widths_steps_batches_and_faces():
    whole = load_train_recipe("shen2020")
    small = scaled(whole, SMALL)
    assert (small.config["width"], small.config["parser_width"], small.data.batch) == (8, 8, 8)
    assert [stage.iterations for stage in small.stage] == [60, 200, 60, 200, 100]
    assert [stage.optimiser.lr for stage in small.stage] == pytest.approx([1e-3, 1e-3, 1.25e-4, 1e-3, 1e-3])
    assert small.stage[-1].adversary is not None and small.stage[-1].adversary.config["width"] == 8
    assert small.stage[-1].optimiser.rates == pytest.approx({"parser": 1.25e-4})
    assert faces_of(whole, SMALL) == 323 and faces_of(whole, Scale("full")) is None
    assert scaled(whole, Scale("full")).described() == whole.described()
    assert SMALL.described == "small scale: widths / 8, steps / 1,000, faces / 20, batches / 2, rates x 25"


def test_data_sets_of_a_paper_may_have_recipes_of_their_own():
    made = load_ablations("dfpgnet")
    assert (made.test_recipe("MSPL-Center"), made.test_recipe("Shen")) == ("mspl-center", "shen2020")
    with pytest.raises(InputError, match="MSPL-Center"):
        made.test_recipe("MSPL")
    assert load_ablations("shen2020").test_recipe("anything") == "shen2020"
    rows = [recipe_of(row, made.at("small")) for row in made.find("5")[0].row]
    assert [one.config.get("width") for one in rows] == [8, 8] and rows[1].stage[0].adversary is not None
    assert rows[0].stage[0].adversary is None and [one.name for one in rows[0].stage[0].losses] == ["l1"]


def test_a_scale_may_leave_losses_out():
    small = load_ablations("umsn").at("small")
    assert small.described.endswith(", no loss perceptual")
    recipe = load_train_recipe("umsn")
    left = [[term for term in stage.losses if term.name != "perceptual"] for stage in recipe.stage]
    assert [list(stage.losses) for stage in scaled(recipe, small).stage] == left
    with pytest.raises(InputError, match="did you mean 'perceptual'"):
        Scale("own", drop=("perceptive",))


def test_stages_of_one_discriminator_stay_together():
    assert _parts(load_train_recipe("shen2020-adaptive")) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert _parts(load_train_recipe("shen2020")) == [(1, 1), (2, 2), (3, 3), (4, 5)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('number = "4"', 'number = "44"'), "44"),
        (('label = "L_c"', 'label = "L_x"'), "L_x"),
        (('test = "shen2020"', 'test = "shen2021"'), "shen2021"),
        (("widths = 8", "width = 8"), "width"),
    ],
)
def test_what_cannot_be_used_is_named(change: tuple[str, str], says: str, tmp_path: Path):
    text = Path(str(Path(__file__).parents[3] / "reports/ablations/shen2020.toml")).read_text(encoding="utf-8")
    assert change[0] in text
    own = tmp_path / "own.toml"
    own.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_ablations(str(own))


def test_a_table_without_networks_and_an_unknown_scale_are_named():
    made = load_ablations("shen2020")
    for call, says in ((lambda: made.find("10"), "10"), (lambda: made.at("tiny"), "small")):
        with pytest.raises(InputError, match=says):
            call()
