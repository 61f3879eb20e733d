"""Iterations, rates and weights of the training recipes against what papers and authors' code state.

Every number stands here a second time, in the units of its source.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from facedeblur.generators.recipe import load_recipe
from facedeblur.methods.training.losses.confidence import PRESETS
from facedeblur.methods.training.recipe import load_train_recipe

ADAM = (0.9, 0.999)
HALF = (0.5, 0.999)
STAGES = {
    # name: (iterations, rate, betas) of each stage; None is not stated
    "shen2020": [
        (None, None, None),
        (200_000, 4e-5, ADAM),
        (60_000, 5e-6, ADAM),
        (200_000, 4e-5, ADAM),
        (100_000, 4e-5, ADAM),
    ],
    "shen2018": [(None, None, None), (60_000, 5e-6, ADAM), (200_000, 4e-5, ADAM)],
    "lin2020": [(60 * 8584, 2e-4, HALF), (60 * 8584, 2e-4, ADAM), (60 * 8584, 2e-4, ADAM)],
    "umsn": [(60_000, 2e-4, HALF), (30_000, 1e-5, HALF), (50_000, 2e-4, HALF), (100_000, 2e-4, HALF)],
    "umsn-paper": [(60_000, 2e-4, ADAM), (30_000, 1e-5, ADAM), (50_000, 2e-4, ADAM), (100_000, 2e-4, ADAM)],
    "deblurgan": [(300_000, 1e-4, HALF)],
    "deblurgan-v2": [(None, 1e-4, ADAM), (None, 1e-4, ADAM)],
    "deepdeblur": [(None, 1e-3, None)],
    "dmphn": [(3000 * (2103 // 6), 1e-4, ADAM)],
    "lu2019": [(500_000, 2e-4, HALF)],
    "nah2017": [(900_000, 5e-5, ADAM)],
    "xia2019": [(250_000, 1e-3, ADAM)],
    "xia2019-unsupervised": [(300_000, 1e-3, ADAM)],
    "xia2019-unsupervised-blind": [(190_000, 1e-3, ADAM)],
    "srn": [(2000 * (2103 // 16), 1e-4, ADAM)],
}
BATCH = {
    "shen2018": 16, "shen2020": 16, "umsn": 10, "umsn-paper": 16, "deblurgan": 1, "dmphn": 6, "nah2017": 2, "srn": 16,
    "xia2019": 2 * 128, "xia2019-unsupervised": 128, "xia2019-unsupervised-blind": 128,
}  # fmt: skip
SCALES = ("restored_quarter", "restored_half", "restored")
PAIRS = {
    "shen2018": "shen2020-train", "shen2020": "shen2020-train", "lin2020": "lin2020-train", "umsn": "umsn-code",
    "umsn-paper": "umsn", "mspl": "mspl-random",
}  # fmt: skip


OF = {"parsing": "parsing", "class-streams": "class", "feature-priors": "priors"}


def key(term) -> tuple[str, str]:
    """Name of the loss and of what it judges."""
    return term.name, term.options.get("of", OF.get(term.name, "restored"))


def terms(stage) -> dict[tuple[str, str], float]:
    """Weights by `key`."""
    assert len({key(term) for term in stage.losses}) == len(stage.losses)
    return {key(term): term.weight for term in stage.losses}


def options(stage, name: str, of: str = "restored") -> dict:
    return next(term.options for term in stage.losses if key(term) == (name, of))


@pytest.mark.parametrize("name", STAGES)
def test_iterations_and_rates(name):
    recipe = load_train_recipe(name)
    assert len(recipe.stage) == len(STAGES[name])
    for stage, (iterations, rate, betas) in zip(recipe.stage, STAGES[name], strict=True):
        assert iterations in (None, stage.iterations)
        assert rate in (None, stage.optimiser.lr)
        assert betas in (None, tuple(stage.optimiser.betas))
        assert stage.optimiser.kind == ("rmsprop" if name == "deepdeblur" else "adam")


def test_batches_and_pairs():
    assert {name: load_train_recipe(name).data.batch for name in BATCH} == BATCH
    assert {name: load_train_recipe(name).data.recipe for name in PAIRS} == PAIRS
    for name, sigma in (("umsn", 2 / 255), ("umsn-paper", 0.03), ("shen2020", 0.01)):
        assert load_recipe(PAIRS[name])[0].noise.sigma == pytest.approx(sigma)


CONTENT = {("l1", "restored"): 1.0, ("l1", "restored_half"): 1.0}
LOCAL = {("local-structural", "restored"): 50, ("local-structural", "restored_half"): 50}
PERCEPTUAL = {("perceptual", "restored"): 1e-5}
OF_COARSE = {("l1", "coarse"): 1.0, ("l1", "coarse_half"): 1.0}


def test_shen2020():
    recipe = load_train_recipe("shen2020")
    sharp, coarse, parsing, fine, joint = recipe.stage
    assert [stage.train for stage in recipe.stage] == [("parser",), ("coarse",), ("parser",), ("fine",), ()]
    assert [stage.until for stage in recipe.stage] == ["parser", "coarse", "parsing", "", ""]
    assert [stage.input for stage in recipe.stage] == ["sharp"] + 4 * ["blurred"]
    assert joint.optimiser.rates == {"parser": 5e-6}
    assert terms(coarse) == OF_COARSE
    assert terms(sharp) == terms(parsing) == {("parsing", "parsing"): 1.0}
    assert terms(fine) == CONTENT | LOCAL | PERCEPTUAL
    assert terms(joint) == OF_COARSE | CONTENT | LOCAL | PERCEPTUAL | {("parsing", "parsing"): 1e-4}
    assert [stage.adversary.weight if stage.adversary else 0 for stage in recipe.stage] == [0, 0, 0, 5e-5, 5e-5]
    for stage in (fine, joint, load_train_recipe("shen2018").stage[2]):
        seen = options(stage, "perceptual")
        assert (seen["network"], seen["layers"]) == ("vgg-face", ["pool2", "pool5"])
        assert {term.options.get("reduction", "mean") for term in stage.losses} == {"mean"}
    assert options(load_train_recipe("shen2018").stage[2], "local-structural")["weights"] == "equal"


def last(row: str):
    """The last stage of a row of SHEN's tables."""
    return load_train_recipe(f"shen2020-{row}").stage[-1]


def test_rows_of_tables_2_and_4_to_6_of_shen2020():
    for row, semantics in (("without", "none"), ("true", "true"), ("blurred", None)):
        recipe = load_train_recipe(f"shen2020-{row}-labels")
        assert (recipe.network, recipe.config.get("semantics")) == ("shen2018", semantics)
        assert (recipe.config["resblocks"], recipe.config["compat"]) == (6, False)
        assert terms(recipe.stage[-1]) == CONTENT and recipe.stage[-1].train == ("deblur",)
        assert len(recipe.stage) == (3 if row == "blurred" else 1)
    content, equal, adaptive = (last(row) for row in ("content", "equal", "adaptive"))
    assert terms(content) == CONTENT
    assert terms(equal) == terms(adaptive) == CONTENT | LOCAL
    assert [options(one, "local-structural").get("weights", "adaptive") for one in (equal, adaptive)] == [
        "equal", "adaptive",
    ]  # fmt: skip
    assert {one.train for one in (content, equal, adaptive)} == {("fine",)}
    together = {("parsing", "parsing"): 1e-4} | OF_COARSE | CONTENT | LOCAL
    joint, scratch, perceptual = (load_train_recipe(f"shen2020-{row}") for row in ("joint", "scratch", "perceptual"))
    assert terms(joint.stage[-1]) == terms(scratch.stage[-1]) == together
    assert terms(perceptual.stage[-1]) == together | PERCEPTUAL
    assert [len(one.stage) for one in (joint, scratch, perceptual)] == [5, 1, 5]
    assert all(stage.adversary is None for one in (joint, scratch, perceptual) for stage in one.stage)
    whole = load_train_recipe("shen2020").stage
    assert scratch.stage[0].iterations == sum(stage.iterations for stage in whole[1:])
    assert load_train_recipe("shen2020-coarse").stage == whole[1:2]


def test_rows_of_tables_7_and_8_of_shen2020():
    adaptive = load_train_recipe("shen2020-adaptive")
    for side in (5, 9, 13):
        row = load_train_recipe(f"shen2020-kernel{side}")
        assert (row.config, row.stage) == ({"first_kernel": side}, adaptive.stage)
    for count in (2, 3):
        row, shared = (load_train_recipe(f"shen2020-stages{count}{end}") for end in ("", "-shared"))
        supervised = {
            (name, of.replace("restored", f"fine{at}")): weight
            for (name, of), weight in (CONTENT | LOCAL).items()
            for at in range(1, count)
        }
        assert terms(row.stage[-1]) == CONTENT | LOCAL | supervised
        assert row.config == {"stages": count} and shared.config == {"stages": count, "shared": True}
        assert shared.stage == row.stage and row.stage[:-1] == adaptive.stage[:-1]


def test_lin2020():
    recipe = load_train_recipe("lin2020")
    assert [stage.epochs for stage in recipe.stage] == [60, 60, 60]
    assert [stage.iterations for stage in recipe.counted(8584).stage] == [60 * 8584] * 3
    assert [stage.iterations for stage in recipe.counted(100).stage] == [6000] * 3
    for row in ("direct", "naive"):
        assert [stage.iterations for stage in load_train_recipe(f"lin2020-{row}").counted(100).stage] == [18000]
    sketch, artifacts, joint = recipe.stage
    assert terms(sketch) == {("l1", "sketch"): 10}
    assert (sketch.train, artifacts.train, joint.train, joint.freeze) == (("generator",), ("deartifact",), (), ())
    assert terms(artifacts) == terms(joint) == {("l1", "restored"): 1}
    assert artifacts.adversary is joint.adversary is None
    rival = sketch.adversary
    assert (rival.kind, rival.options["penalty"], rival.critic_steps) == ("wgan-gp", 10, 5)
    assert (rival.discriminator, rival.config) == ("patchgan", {"channels": 1, "padding": 1})
    assert recipe.config["border"] == "taper"


def test_lin2020_sketches() -> None:
    """The first stage of the whole system, given sharp faces; pairs are not blurred."""
    recipe, whole = load_train_recipe("lin2020-sketches"), load_train_recipe("lin2020")
    assert recipe.stage == (replace(whole.stage[0], input="sharp", sketches=True),)
    assert (recipe.data, recipe.config) == (replace(whole.data, sizes=(1,), per_size=1), whole.config)
    keys = [one.key for one in recipe.assumption]
    assert len(keys) == len(set(keys)) and {"stage.sketch.input", "stage.sketch.target"} <= set(keys)


# Authors' code, of images in [-1, 1], whose differences are twice ours; "all x 2".
TWICE, RANGE = 2, 2


def test_umsn_as_coded():
    recipe = load_train_recipe("umsn")
    sharp, blurred, streams, whole = recipe.stage
    assert (sharp.input, blurred.input) == ("sharp", "blurred")
    for stage in (sharp, blurred):
        assert terms(stage) == {("parsing", "parsing"): 3.2, ("parsing", "parsing_half"): 0.5 * 3.2}
        assert {term.options["form"] for term in stage.losses} == {"sigmoid"}
    assert [stage.labels for stage in recipe.stage] == [True, True, False, False]
    assert (streams.train, streams.until) == (("streams",), "classes")
    assert (whole.train, whole.freeze) == ((), ("segmentation",))
    assert {stage.optimiser.weight_decay for stage in recipe.stage} == {5e-5}
    # Of two batches the gradient of one reaches the weights.
    assert {stage.accumulate for stage in recipe.stage} == {1}
    assert PRESETS["code"].class_weights == (1.2, 1.2, 3.6, 1.2)
    assert terms(streams) == {("class-streams", "class"): TWICE * RANGE}
    guided = options(whole, "confidence-guided")
    assert guided["preset"] == "code"
    assert terms(whole) == {
        ("confidence-guided", "restored"): pytest.approx(TWICE * RANGE),
        ("l1", "restored_half"): pytest.approx(TWICE * RANGE * 0.33),
        ("gradient-l1", "restored"): pytest.approx(TWICE * RANGE * 0.15),
        ("gradient-l1", "restored_half"): pytest.approx(TWICE * RANGE * 0.08),
        ("perceptual", "restored"): pytest.approx(TWICE * 0.00018),
        ("perceptual", "restored_half"): pytest.approx(TWICE * 0.00018 * 0.33),
    }
    assert TWICE * RANGE * guided["log_weight"] == pytest.approx(TWICE * 0.06 / 4)
    assert options(whole, "perceptual")["layers"] == ["relu1_2", "relu2_2", "relu5_3"]
    seen = [term.options for term in whole.losses if term.name == "perceptual"]
    assert {(each["network"], each["normalise"]) for each in seen} == {("vgg-face", "symmetric")}
    for term in whole.losses:
        half = term.options.get("of") == "restored_half"
        assert (term.options.get("target"), term.options.get("half")) == (
            ("sharp_half", "nearest") if half else (None, None)
        )
        assert term.options.get("magnitude", False) == (term.name == "gradient-l1")
    faces = 27_000
    assert whole.schedule.every == 19 * faces / (2 * recipe.data.batch)
    assert (whole.schedule.kind, whole.schedule.factor) == ("step", 0.5)
    assert (whole.schedule.fall, whole.schedule.period) == (1 / 400, faces / (2 * recipe.data.batch))


def test_segmentation_of_umsn_as_coded():
    """Numbers of seg_train.py: epochs of 4 x 50 batches, / 1.25 every 60, 1e-6 from 200 on, less 1/1000 in each."""
    sharp, blurred = load_train_recipe("umsn").stage[:2]
    epoch = 200
    for stage in (sharp, blurred):
        assert (stage.schedule.fall, stage.schedule.period) == (1 / 1000, epoch)
    rates = [2e-4 / 1.25, 2e-4 / 1.25**2, 2e-4 / 1.25**3, 1e-6, 1e-6 / 1.25]
    assert sharp.schedule.at == tuple(epoch * at for at in (60, 120, 180, 200, 240))
    assert [sharp.optimiser.lr * share for share in sharp.schedule.shares] == pytest.approx(rates)
    assert (blurred.schedule.every, blurred.schedule.factor) == (60 * epoch, 1 / 1.25)
    assert (sharp.blurred, sharp.sigma, blurred.sigma) == (1.0, None, 0.0)
    assert blurred.blurred == pytest.approx(34 / 101, abs=5e-5)
    assert blurred.kernels and {term.options["blurred"] for term in blurred.losses} == {0.49}
    assert load_recipe("umsn-code")[0].output.rounding == "round"


def test_umsn_as_printed():
    recipe = load_train_recipe("umsn-paper")
    assert recipe.config == {"preset": "paper"}
    streams, whole = recipe.stage[2:]
    assert terms(whole) == {("confidence-guided", "restored"): RANGE, ("perceptual", "restored"): 0.0002}
    assert RANGE * options(whole, "confidence-guided")["log_weight"] == pytest.approx(0.01)
    assert PRESETS["paper"].class_weights == (1, 1, 1, 1)
    for stage in (streams, whole):
        seen = [term.options for term in stage.losses if term.name == "perceptual"]
        assert {(each["network"], *each["layers"], each["distance"]) for each in seen} == {
            ("vgg-face", "relu1_2", "l2")
        }
    assert {of for name, of in terms(streams) if name == "perceptual"} == {f"class{i}" for i in range(1, 5)}
    assert {stage.schedule.kind for stage in recipe.stage} == {"constant"}
    assert {stage.labels for stage in recipe.stage[2:]} == {False}


def test_rows_of_umsns_ablation_differ_in_one_thing_each():
    """Table VI: B-Net, and masks, nested residuals, streams and the confidence one after the other."""
    whole = load_train_recipe("umsn")
    switches = {"umsn-b-net": (0, 0, 0, 0), "umsn-masks": (1, 0, 0, 0), "umsn-nrl": (1, 1, 0, 0),
                "umsn-without-confidence": (1, 1, 1, 0), "umsn": (1, 1, 1, 1)}  # fmt: skip
    for name, wanted in switches.items():
        recipe = load_train_recipe(name)
        kinds = ("masks", "nrl", "streams", "confidence")
        assert tuple(int(recipe.config.get(kind, True)) for kind in kinds) == wanted
        stages = [stage.name for stage in whole.stage]
        assert [stage.name for stage in recipe.stage] == [
            stage for stage in stages if wanted[0] * ("seg" in stage) or wanted[2] * (stage == "streams") or
            stage == "whole"
        ]  # fmt: skip
        assert all(stage in whole.stage for stage in recipe.stage[:-1])
        rest = {key: weight for key, weight in terms(recipe.stage[-1]).items() if key[1] != "restored" or key[0] not in
                ("l1", "confidence-guided")}  # fmt: skip
        assert rest == {key: weight for key, weight in terms(whole.stage[-1]).items() if key[0] != "confidence-guided"}
        assert wanted[3] or terms(recipe.stage[-1])["l1", "restored"] == pytest.approx(TWICE * RANGE * 1.2)
        assert recipe.stage[-1].optimiser == whole.stage[-1].optimiser and recipe.data == whole.data
        assert recipe.stage[-1].freeze == (("segmentation",) if wanted[0] else ())


def test_deblurgan_and_its_successor():
    (stage,) = load_train_recipe("deblurgan").stage
    assert terms(stage) == {("perceptual", "restored"): 100}
    seen = options(stage, "perceptual")
    assert (seen["network"], seen["layers"], seen["distance"], seen["normalise"]) == (
        "vgg19",
        ["conv3_3"],
        "l2",
        "symmetric",
    )
    rival = stage.adversary
    assert (rival.kind, rival.options["penalty"], rival.critic_steps, rival.weight) == ("wgan-gp", 10, 5, 1)
    assert (stage.schedule.kind, stage.schedule.hold, stage.schedule.floor) == ("linear", 150_000, 0)
    warm, whole = load_train_recipe("deblurgan-v2").stage
    assert (warm.freeze, whole.freeze) == (("backbone",), ())
    for stage in (warm, whole):
        assert terms(stage) == {("l2", "restored"): 0.5, ("perceptual", "restored"): 0.006}
        assert (stage.adversary.discriminator, stage.adversary.kind, stage.adversary.weight) == (
            "double",
            "ragan-ls",
            0.001,
        )


def test_deepdeblur_and_dfpgnet():
    (stage,) = load_train_recipe("deepdeblur").stage
    assert terms(stage) == {("l2", "restored"): 1}
    assert stage.optimiser.alpha == 0.9
    (stage,) = load_train_recipe("dfpgnet").stage
    names = ("priors1", "priors2", "priors3")
    assert (stage.adversary.discriminator, stage.adversary.of, stage.adversary.target) == ("dfpg", names, names)
    assert ("feature-priors", "priors") in terms(stage)


def test_networks_that_the_papers_compare_with():
    (stage,) = load_train_recipe("srn").stage
    assert terms(stage) == {("l2", name): 1 for name in SCALES}
    assert [term.options.get("target") for term in stage.losses] == ["sharp_quarter", "sharp_half", None]
    assert (stage.schedule.kind, stage.schedule.power) == ("polynomial", 0.3)
    assert stage.schedule.floor * stage.optimiser.lr == pytest.approx(1e-6)
    (stage,) = load_train_recipe("dmphn").stage
    assert terms(stage) == {("l2", "restored"): 0.5}
    assert (stage.schedule.every, stage.schedule.factor) == (1000 * (2103 // 6), 0.1)
    assert (load_train_recipe("dmphn").config, load_train_recipe("dmphn-1-2-4").config) == ({}, {"levels": 3})
    (stage,) = load_train_recipe("nah2017").stage
    assert terms(stage) == {("l2", name): pytest.approx(1 / 6) for name in SCALES}
    assert (stage.schedule.every, stage.schedule.factor) == (300_000, 0.1)
    rival = stage.adversary
    assert (rival.discriminator, rival.kind, rival.weight, rival.optimiser.lr) == ("nah2017", "dcgan", 1e-4, 5e-5)
    recipe = load_train_recipe("xia2019")
    assert (recipe.data.sigma, recipe.data.per_size, recipe.data.augment) == (pytest.approx(2 / 255), 2250, "none")
    (stage,) = recipe.stage
    assert terms(stage) == {("l1", "restored"): 1}
    assert (stage.schedule.at, stage.schedule.shares) == ((180_000, 190_000), (pytest.approx(10**-0.5), 0.1))
    for kernels, places in (("true", (290_000,)), ("estimated", (170_000, 180_000))):
        recipe = load_train_recipe("xia2019-unsupervised" + "-blind" * (kernels == "estimated"))
        assert (recipe.data.border, recipe.data.augment, recipe.data.per_size) == ("reflect", "none", 2250)
        (stage,) = recipe.stage
        assert stage.proxies == recipe.data.sigma == pytest.approx(2 / 255)
        found = {term.name: (term.weight, term.options.get("kernels", "true")) for term in stage.losses}
        wanted = {"swap": (1, kernels), "self-measurement": (1, kernels), "proxy": (1, "true")}
        assert found == wanted | ({"proxy-kernel": (1, "true")} if kernels == "estimated" else {})
        assert (stage.schedule.at, stage.kernels) == (places, kernels == "true")
        assert stage.schedule.shares == (pytest.approx(10**-0.5), 0.1)[: len(places)]
        assert recipe.config == ({"blind": True} if kernels == "estimated" else {})
    (stage,) = load_train_recipe("lu2019").stage
    # Images in [-1, 1] differ twice as much, and the code adds the divergence over a batch.
    assert {name: term.weight for term in stage.losses for name in [key(term)]} == {
        **{("l1", f"{name}_{how}"): 10 * 2 for name in ("sharp", "blurred") for how in ("self", "cycle")},
        ("normal-divergence", "restored"): 0.01 * load_train_recipe("lu2019").data.batch,
        ("between-outputs", "blur_found"): 10,
        ("perceptual", "restored"): 0.1,
        ("perceptual", "restored_random"): 0.1,
    }
    assert {term.options.get("target") for term in stage.losses if term.name == "perceptual"} == {"blurred"}
    assert (stage.adversary.weight, stage.adversary.critic_steps) == (4 * 3, 2)
    assert stage.adversary.target == ("sharp", "blurred") * 2
    assert (stage.schedule.kind, stage.schedule.hold) == ("linear", 250_000)
