"""Training recipes: they load, every stage of every paper takes a step, and bad ones are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import train_parts as parts
from narrow_nets import NARROW

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png
from facedeblur.methods.nets.base import DISCRIMINATORS, NETS, make_network
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.observations import ObservedExamples
from facedeblur.methods.training.data.pairs import divide
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.losses.registry import LOSSES
from facedeblur.methods.training.optimisers import share
from facedeblur.methods.training.recipe import LossTerm, RateSchedule, load_train_recipe, train_recipes
from facedeblur.methods.training.stage import StageRun

PAPERS = [
    "deblurgan", "deblurgan-v2", "deepdeblur", "dfpgnet", "dmphn", "jin2018", "lin2020", "lu2019", "mspl", "nah2017",
    "shen2018", "shen2020", "song2019", "srn", "umsn", "umsn-paper", "xia2019", "xu2018",
]  # fmt: skip
OWN = ["facedeblur-base", "lin2020-small"]
ROWS = [
    f"shen2020-{row}"
    for row in (
        "adaptive", "blurred-labels", "coarse", "content", "equal", "joint", "kernel13", "kernel5", "kernel9",
        "perceptual", "scratch", "stages2", "stages2-shared", "stages3", "stages3-shared", "true-labels",
        "without-labels",
    )
]  # fmt: skip
ROWS += [f"lin2020-{row}" for row in ("direct", "intensity", "l0", "naive", "sketches", "without-sketch")]
ROWS += [f"dfpgnet-{row}" for row in ("b", "equal", "vggface", "without-priors")]
ROWS += ["dmphn-1-2-4"]
ROWS += ["xia2019-unsupervised", "xia2019-unsupervised-blind"]
ROWS += [f"umsn-{row}" for row in ("b-net", "masks", "nrl", "without-confidence")]
ROWS += [f"anand-{network}" for network in ("deblurgan", "deblurgan-v2", "deepdeblur")]
STEPS = 2


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = tmp_path_factory.mktemp("labels") / "labels.png"
    file.write_bytes(encode_png(np.uint8(np.add.outer(np.arange(64), np.arange(64)) // 8 % 11)))
    names = {f"{i:02}": file for i in range(20)}
    return divide(parts.virtual(size=64, labels=names))


def test_every_paper_has_one():
    assert {*PAPERS, *ROWS, *OWN} == set(train_recipes())


@pytest.mark.parametrize("name", [*PAPERS, *ROWS, *OWN])
def test_recipe_names_what_is_registered(name):
    recipe = load_train_recipe(name)
    assert recipe.name == name
    assert recipe.network in NETS
    assert recipe.source
    for stage in recipe.stage:
        assert all(loss.name in LOSSES for loss in stage.losses)
        assert stage.adversary is None or stage.adversary.discriminator in DISCRIMINATORS


def narrowed(stage):
    """The stage with small loss networks and discriminators."""
    losses = []
    for loss in stage.losses:
        small = (
            {"weights": "random", "widths": [16, 32, 64, 8, 8]} if loss.name in ("perceptual", "feature-priors") else {}
        )
        losses.append(replace(loss, options=loss.options | small))
    rival = stage.adversary
    if rival is not None:
        rival = replace(rival, config=rival.config | {"width": 4 if rival.discriminator != "dfpg" else 16})
    return replace(stage, losses=tuple(losses), adversary=rival, accumulate=min(stage.accumulate, 2), precision="32")


def new_stages(recipe):
    """The stages that differ from those of the base, as far as a narrow network can show it."""
    if not recipe.base:
        return recipe.stage
    base = load_train_recipe(recipe.base)
    return recipe.stage if recipe.config != base.config else [one for one in recipe.stage if one not in base.stage]


@pytest.mark.parametrize("name", [*PAPERS, *ROWS, *OWN])
def test_every_stage_changes_what_it_trains_and_nothing_else(name, data):
    torch.set_num_threads(1)
    recipe = load_train_recipe(name)
    torch.manual_seed(0)
    begun = {key: "random" for key in recipe.config if key == "encoder_weights"}
    net = make_network(recipe.network, **recipe.config | NARROW[recipe.network] | begun)
    engine = Engine(Hardware("cpu"))
    for stage in new_stages(recipe):
        run = StageRun(narrowed(stage), net, engine, size=(64, 64))
        before = {key: value.clone() for key, value in net.named_parameters()}
        critic = [value.clone() for value in run.opponent.net.parameters()] if run.opponent else []
        examples = Examples(data.train, labels=stage.labels, kernels=stage.kernels)
        if stage.observations == 2:
            examples = ObservedExamples(data.train, kernels=stage.kernels, proxies=stage.proxies is not None)
        source = batches(examples, Places(2), engine.device, loaders=0)
        for step in range(STEPS):
            values = run.step(step, source)
            assert list(values) == run.columns
            assert values["gradient"] > 0
            assert all(math.isfinite(value) for value in values.values())
        trained = {key for key, value in net.named_parameters() if value.requires_grad}
        changed = {key for key, value in net.named_parameters() if not torch.equal(value, before[key])}
        assert changed <= trained
        parts_seen = {key.split(".")[0] for key in changed}
        assert parts_seen >= set(stage.train or set(net.parts) - set(stage.freeze))
        assert not parts_seen & set(stage.freeze)
        if run.opponent is not None:
            assert any(not torch.equal(*both) for both in zip(critic, run.opponent.net.parameters(), strict=True))
        labels = torch.zeros(1, 64, 64, dtype=torch.long) if getattr(net, "takes_labels", False) else None
        restored = run.restored(torch.rand(1, 3, 64, 64), labels)
        assert restored.shape == (1, 3, 64, 64)


def test_weights_that_a_later_stage_lacks_are_told_before_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEDEBLUR_WEIGHTS", str(tmp_path / "weights"))
    faces = parts.write_faces(tmp_path / "faces")
    lacking = {"network": "vgg-face", "widths": [2, 2, 2, 2, 2]}
    stages = parts.plain("first"), parts.plain("second", losses=(LossTerm("perceptual", options=lacking),))
    for stage in ("all", "2"):
        with pytest.raises(InputError, match="vgg_face_dag"):
            parts.train(parts.recipe(faces, *stages), faces, tmp_path / "out", stage=stage)
    assert not list(tmp_path.glob("out/*"))
    done = parts.train(parts.recipe(faces, *stages), faces, tmp_path / "out", stage="1")
    assert done.finished


def test_choice_of_stages():
    recipe = load_train_recipe("shen2020")
    assert [recipe.chosen(which) for which in ("all", "2", "2-4", "joint")] == [[0, 1, 2, 3, 4], [1], [1, 2, 3], [4]]
    for wrong in ("0", "6", "3-2", "fin", "-1", "1-9"):
        with pytest.raises(InputError, match="stage"):
            recipe.chosen(wrong)


def test_rates_over_a_stage():
    assert [share(RateSchedule("step", every=2, factor=0.1), i, 6) for i in range(6)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert [share(RateSchedule("linear", hold=2), i, 6) for i in range(6)] == pytest.approx([1, 1, 1, 0.75, 0.5, 0.25])
    warm = RateSchedule("cosine", warmup=2, floor=0.1)
    expected = [0.5, 1.0, *(0.1 + 0.9 * (1 + math.cos(math.pi * i / 4)) / 2 for i in range(4))]
    assert [share(warm, i, 6) for i in range(6)] == pytest.approx(expected)
    bent = RateSchedule("polynomial", power=0.3, floor=0.01)
    # tf.train.polynomial_decay: (rate - end) (1 - step / steps)^power + end
    assert [share(bent, i, 4) for i in range(4)] == pytest.approx(
        [1, *((1 - 0.01) * (1 - i / 4) ** 0.3 + 0.01 for i in (1, 2, 3))]
    )
    assert share(RateSchedule(), 5, 6) == 1
    assert RateSchedule("step", warmup=10, every=100).shrunk(0.1) == RateSchedule("step", warmup=1, every=10)


def authors_rates(batches: int, full: float, every: int, factor: float, thousandths: float, late: bool) -> list[float]:
    """The loop of UMSN's scripts, epoch by epoch: divide now and then, then subtract a share of what was divided."""
    rates, current = [], full
    lr = full
    for epoch in range(7):
        if epoch % every == 0 and epoch > 0:
            lr = lr * factor
            current = lr
        if late and epoch == 5:
            lr = current = 0.01
        current -= lr * thousandths
        rates += [current] * batches
    return rates


def test_rates_that_fall_within_a_piece_are_those_of_umsns_scripts():
    stepped = RateSchedule("step", every=3 * 4, factor=0.8, fall=0.1, period=4)
    wanted = authors_rates(4, 1.0, 3, 0.8, 0.1, late=False)
    assert [share(stepped, i, 28) for i in range(28)] == pytest.approx(wanted)
    pieces = RateSchedule("pieces", at=(12, 20, 24), shares=(0.8, 0.01, 0.008), fall=0.1, period=4)
    wanted = authors_rates(4, 1.0, 3, 0.8, 0.1, late=True)
    assert [share(pieces, i, 28) for i in range(28)] == pytest.approx(wanted)
    assert share(RateSchedule("step", every=100, fall=0.5, period=1), 50, 100) == 0
    shorter = pieces.shrunk(0.25)
    assert (shorter.at, shorter.shares, shorter.period) == ((3, 5, 6), (0.8, 0.01, 0.008), 1)
    # Pieces that would begin together are the last of them.
    assert (pieces.shrunk(0.05).at, pieces.shrunk(0.05).shares) == ((1,), (0.008,))


def test_newer_settings_are_recorded_only_where_they_are_set():
    (plain,) = parts.recipe(parts.Path("x")).described()["stage"]
    assert not {"blurred", "sigma"} & set(plain) and not {"at", "shares", "fall", "period", "power"} & set(
        plain["schedule"]
    )
    stages = {stage["name"]: stage for stage in load_train_recipe("umsn").described()["stage"]}
    assert (stages["segmentation-blurred"]["blurred"], stages["segmentation-blurred"]["sigma"]) == (0.3366, 0.0)
    assert stages["segmentation-sharp"]["schedule"]["at"][0] == 12_000
    assert "at" not in stages["whole"]["schedule"] and stages["whole"]["schedule"]["fall"] == 0.0025


def test_a_stage_ends_with_its_iterations_or_epochs_whichever_come_first(tmp_path):
    path = tmp_path / "x.toml"

    def steps(limits: str, faces: int, **more: int) -> int:
        text = GOOD.replace("iterations = 5", limits + '\naccumulate = 3\nschedule = {kind = "step", every = 20}')
        path.write_text(text, encoding="utf-8")
        stage = load_train_recipe(path).counted(faces, **more).stage[0]
        if "iterations = 40" in limits:
            assert stage.schedule.every == max(1, round(20 * stage.iterations / 40))
        return stage.iterations

    assert steps("epochs = 4", 100) == 67  # 400 faces, 2 x 3 a step, the last not full
    assert steps("epochs = 4", 100, world=2) == 34
    assert steps("iterations = 40", 100) == 40
    assert steps("iterations = 40\nepochs = 4", 100) == 40
    assert steps("iterations = 40\nepochs = 4", 30) == 20
    changed = load_train_recipe(path).adjusted(iterations=7)
    assert changed.counted(1).stage[0].iterations == 7


GOOD = """
name = "x"
network = "shen2018"
source = "s"
[data]
recipe = "shen2020-train"
batch = 2
[[stage]]
name = "a"
iterations = 5
losses = [{name = "l1"}]
optimiser = {kind = "adam", lr = 1e-4}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("iterations = 5", "iteration = 5", "did you mean 'iterations'"),
        ("iterations = 5", "iterations = 0", "at least 1"),
        ("iterations = 5", "epochs = 0", "at least 1"),
        ("iterations = 5", "iterations = 5\nepochs = -1", "at least 0"),
        ('kind = "adam"', 'kind = "adma"', "did you mean 'adam'"),
        ("lr = 1e-4", "lr = 0.0", "above 0"),
        ("batch = 2", "batch = 0", "at least 1"),
        ('losses = [{name = "l1"}]', "losses = []", "at least one loss"),
        ("iterations = 5", 'iterations = 5\nschedule = {kind = "step"}', "above 0 with kind 'step'"),
        ('{name = "l1"}', '{name = "l1", options = 3}', "a table"),
        ("iterations = 5", "iterations = 5\nema = 1.0", "below 1"),
        ("iterations = 5", "iterations = 5\nblurred = 0.0", "above 0, at most 1"),
        ("iterations = 5", "iterations = 5\nsigma = 2.0", "from 0 to 1"),
        ("iterations = 5", 'iterations = 5\nschedule = {kind = "pieces"}', "steps with kind 'pieces' only"),
        ("iterations = 5", "iterations = 5\nschedule = {at = [3], shares = [1.0]}", "steps with kind 'pieces' only"),
        ("iterations = 5", 'iterations = 5\nschedule = {kind = "pieces", at = [3, 2], shares = [0, 1]}', "rising"),
        ("iterations = 5", 'iterations = 5\nschedule = {kind = "pieces", at = [3]}', "as many as 'at'"),
        ("iterations = 5", "iterations = 5\nschedule = {fall = 0.1}", "unless 'period'"),
    ],
)
def test_bad_recipe_is_told(tmp_path, old, new, said):
    path = tmp_path / "x.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_train_recipe(path).stage[0].iterations == 5
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        load_train_recipe(path)


def test_unknown_recipe_is_told():
    with pytest.raises(InputError, match="did you mean 'shen2020'"):
        load_train_recipe("shen200")
