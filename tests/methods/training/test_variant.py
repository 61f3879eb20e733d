"""Recipes that are changes of another one: what comes out, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.training.recipe import LossTerm, load_train_recipe

BASE = """
name = "whole"
network = "shen2020"
title = "Everything"
source = "s"
[config]
width = 8
resblocks = 1
[data]
recipe = "shen2020-train"
batch = 2
[[stage]]
name = "coarse"
iterations = 5
until = "coarse"
losses = [
    {name = "l1", options = {of = "coarse"}},
    {name = "l1", options = {of = "coarse_half", target = "sharp_half"}},
]
optimiser = {kind = "adam", lr = 1e-4}
[[stage]]
name = "fine"
iterations = 7
losses = [{name = "l1"}, {name = "local-structural", weight = 50.0, options = {weights = "adaptive"}}]
optimiser = {kind = "adam", lr = 1e-4, rates = {parser = 1e-5}}
[stage.adversary]
discriminator = "dcgan"
kind = "dcgan"
weight = 5e-5
optimiser = {kind = "adam", lr = 4e-5}
[[assumption]]
key = "one"
text = "as in the base"
[[assumption]]
key = "two"
text = "as in the base"
"""
ROW = 'base = "whole.toml"\nname = "row"\ntitle = "A row"\n'


@pytest.fixture
def load(tmp_path):
    (tmp_path / "whole.toml").write_text(BASE, encoding="utf-8")

    def read(text: str, name: str = "row.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return load_train_recipe(tmp_path / name)

    return read


def test_nothing_but_what_is_named_changes(load, tmp_path):
    whole = load_train_recipe(tmp_path / "whole.toml")
    assert load(ROW) == replace(whole, name="row", title="A row", base="whole.toml")


def test_tables_are_merged_and_lists_replaced(load, tmp_path):
    coarse, fine = load_train_recipe(tmp_path / "whole.toml").stage
    row = load(
        ROW
        + """
[config]
resblocks = 2
[data]
batch = 4
[[stage]]
name = "fine"
train = ["fine"]
terms = {local-structural = {weight = 1.0, options = {weights = "equal"}}}
adversary = {weight = 1e-3, optimiser = {lr = 1e-5}}
optimiser = {lr = 2e-4, drop = ["rates"]}
[[assumption]]
key = "two"
text = "another"
"""
    )
    assert row.config == {"width": 8, "resblocks": 2}
    assert (row.data.recipe, row.data.batch) == ("shen2020-train", 4)
    assert row.stage[0] == coarse
    local = replace(fine.losses[1], weight=1.0, options={"weights": "equal"})
    rival = replace(fine.adversary, weight=1e-3, optimiser=replace(fine.adversary.optimiser, lr=1e-5))
    assert row.stage[1] == replace(
        fine, train=("fine",), losses=(fine.losses[0], local), adversary=rival,
        optimiser=replace(fine.optimiser, lr=2e-4, rates={}),
    )  # fmt: skip
    assert {one.key: one.text for one in row.assumption} == {"one": "as in the base", "two": "another"}


def test_losses_and_adversaries_are_left_out_by_name(load):
    fine = 'name = "fine"\ndrop = ["adversary", "local-structural"]\n'
    coarse = 'name = "coarse"\ndrop = ["l1 coarse_half"]\n'
    row = load(f"{ROW}[[stage]]\n{fine}[[stage]]\n{coarse}")
    assert [term.name for term in row.stage[1].losses] == ["l1"] and row.stage[1].adversary is None
    assert [term.options["of"] for term in row.stage[0].losses] == ["coarse"]


def test_losses_are_added(load, tmp_path):
    fine = load_train_recipe(tmp_path / "whole.toml").stage[1]
    row = load(f'{ROW}[[stage]]\nname = "fine"\ndrop = ["l1"]\nadd = [{{name = "l2", weight = 2.0}}]\n')
    assert row.stage[1] == replace(fine, losses=(fine.losses[1], LossTerm("l2", 2.0)))


def test_assumptions_about_what_is_left_out_go_with_it(load, tmp_path):
    more = [f'[[assumption]]\nkey = "stage.{key}"\ntext = "t"\n' for key in ("coarse.losses", "adversary", "losses")]
    (tmp_path / "whole.toml").write_text(BASE + "".join(more), encoding="utf-8")

    def keys(changes: str) -> list[str]:
        return [one.key for one in load(ROW + changes).assumption if one.key.startswith("stage.")]

    assert keys("") == ["stage.coarse.losses", "stage.adversary", "stage.losses"]
    assert keys('stages = ["fine"]\n') == ["stage.adversary", "stage.losses"]
    assert keys('[[stage]]\nname = "fine"\ndrop = ["adversary"]\n') == ["stage.coarse.losses", "stage.losses"]


def test_stages_are_chosen_ordered_and_added(load):
    new = '[[stage]]\nname = "warm"\niterations = 3\nlosses = [{name = "l1"}]\noptimiser = {kind = "adam", lr = 1e-4}\n'
    assert [stage.name for stage in load(ROW + new).stage] == ["coarse", "fine", "warm"]
    assert [stage.name for stage in load(ROW + 'stages = ["warm", "fine"]\n' + new).stage] == ["warm", "fine"]


def test_a_base_may_have_a_base(load):
    load(ROW + "[data]\nbatch = 3\n")
    second = load('base = "row.toml"\nname = "second"\ntitle = "t"\n[data]\ncrop = 64\n', "second.toml")
    assert (second.data.batch, second.data.crop, second.base) == (3, 64, "row.toml")


def test_a_base_may_come_with_the_toolkit(load):
    own = load(ROW.replace("whole.toml", "shen2020") + 'stages = ["coarse"]\n')
    assert own.stage == load_train_recipe("shen2020").stage[1:2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW.replace("whole.toml", "shen200"), "did you mean 'shen2020'"),
        (ROW.replace('"whole.toml"', "3"), "base: expected the name of a training recipe"),
        (ROW.replace("whole.toml", "row.toml"), "a change of this file itself"),
        (ROW.replace("whole.toml", "absent.toml"), "absent.toml"),
        (ROW.replace('name = "row"\n', ""), "required key 'name'"),
        (ROW.replace('title = "A row"\n', ""), "required key 'title'"),
        (ROW + 'stages = ["fin"]\n', "did you mean 'fine'"),
        (ROW + 'stages = ["fine", "fine"]\n', "different names"),
        (ROW + 'stages = ["coarse"]\n[[stage]]\nname = "fine"\nbatch = 3\n', "not in 'stages'"),
        (ROW + '[[stage]]\nname = "fine"\ndrop = ["adversry"]\n', "did you mean 'adversary'"),
        (ROW + '[[stage]]\nname = "fine"\ndrop = ["l1 coarse"]\n', "there is no 'l1 coarse'"),
        (ROW + '[[stage]]\nname = "fine"\ndrop = "l1"\n', "a list of names"),
        (ROW + '[[stage]]\nname = "fine"\nterms = {l2 = {weight = 1.0}}\n', "no loss 'l2'"),
        (ROW + '[[stage]]\nname = "fine"\nterms = {l1 = {wait = 1.0}}\n', "did you mean 'weight'"),
        (ROW + '[[stage]]\nname = "fine"\nterms = {l1 = 3}\n', "a table"),
        (ROW + '[[stage]]\nname = "fine"\ndrop = ["l1", "local-structural", "adversary"]\n', "at least one loss"),
        (ROW + '[[stage]]\nname = "finer"\n', "required key 'optimiser'"),
        (ROW + '[[stage]]\nname = "fine"\nadd = ["l1"]\n', "add: expected a list of tables"),
        (ROW + "[stage]\nfine = 3\n", "a list of tables"),
        (ROW + "[dat]\nbatch = 3\n", "did you mean 'data'"),
    ],
)
def test_a_change_of_what_is_not_there_is_told(load, text, said):
    with pytest.raises(InputError, match=said):
        load(text)
