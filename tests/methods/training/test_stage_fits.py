"""Networks, losses and discriminators of a stage fit together: who sees what, and what is drawn when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import train_parts as parts
from torch import nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import encode_png
from facedeblur.methods.nets.base import DISCRIMINATORS, make_network
from facedeblur.methods.training.checkpoint import read_checkpoint
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.pairs import divide
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.losses.base import make_loss
from facedeblur.methods.training.optimisers import choose_weights, make_optimiser
from facedeblur.methods.training.recipe import AdversaryRecipe, Optimiser, load_train_recipe
from facedeblur.methods.training.stage import Opponent, StageRun

CPU = Engine(Hardware("cpu"))
ADAM = Optimiser("adam", 1e-3, betas=(0.5, 0.9))
SMALL_UMSN = {"width": 8, "segmentation_width": 4, "stream_width": 4}
SMALL_VGG = {"weights": "random", "widths": [16, 32, 64, 8, 8]}


class PairCritic(nn.Module):
    """Judges a picture beside another one, with dropout."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 4, 4, stride=4), nn.Conv2d(3, 4, 4, stride=4)
        self.leave = nn.Sequential(nn.Dropout(0.2), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1))

    def forward(self, first, second):
        return self.leave(self.one(first) + self.other(second))


if "test-pair" not in DISCRIMINATORS:
    DISCRIMINATORS.add("test-pair", PairCritic)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    file = tmp_path_factory.mktemp("labels") / "labels.png"
    file.write_bytes(encode_png(np.uint8(np.add.outer(np.arange(32), np.arange(32)) // 4 % 11)))
    return divide(parts.virtual(labels={f"{i:02}": file for i in range(20)})).train


def stream(pairs, *, labels=False, batch=2):
    return batches(Examples(pairs, labels=labels), Places(batch), CPU.device, loaders=0)


def pair_rival() -> AdversaryRecipe:
    return AdversaryRecipe("test-pair", "wgan-gp", 1e-2, ADAM, of=("restored", "restored"), target=("sharp", "blurred"),
                     critic_steps=2)  # fmt: skip


def test_penalty_is_of_everything_the_critic_sees_and_drawn_anew_each_step(monkeypatch):
    pairs = divide(parts.virtual()).train
    stage = parts.plain(adversary=pair_rival(), accumulate=2)
    seen = []

    def spied(run, start, steps):
        game = run.opponent.game
        real_penalty = game.gradient_penalty

        def penalty(net, real, fake, *, generator):
            seen.append((len(real), len(fake), generator.get_state().clone()))
            return real_penalty(net, real, fake, generator=generator)

        monkeypatch.setattr(game, "gradient_penalty", penalty)
        source = stream(pairs)
        for step in range(start, start + steps):
            run.step(step, source)

    spied(StageRun(stage, make_network("test-small"), CPU), 0, 2)
    first = seen.copy()
    assert len(first) == 2 * 2 * 2  # steps, batches, steps of the critic
    assert {(real, fake) for real, fake, _ in first} == {(2, 2)}
    states = [state.numpy().tobytes() for *_, state in first]
    assert len(set(states)) == len(states)
    seen.clear()
    torch.rand(7)  # whatever else is drawn
    spied(StageRun(stage, make_network("test-small"), CPU), 1, 1)
    assert [state.numpy().tobytes() for *_, state in seen] == states[4:]
    seen.clear()
    spied(StageRun(stage, make_network("test-small"), CPU, seed=1), 1, 1)
    assert states[4] != seen[0][2].numpy().tobytes()


def test_stopped_and_gone_on_beside_a_critic_of_two_inputs_is_the_same_bit_for_bit(tmp_path):
    faces = parts.write_faces(tmp_path / "faces")
    whole = parts.recipe(faces, parts.plain(iterations=4, adversary=pair_rival()))
    parts.train(whole, faces, tmp_path / "a", check=4)
    for stop in (1, 2, 4):
        parts.train(whole, faces, tmp_path / "b", stop_after=stop, check=4)
    a, b = (read_checkpoint(tmp_path / run / "checkpoints/1-whole.safetensors") for run in "ab")
    assert a.header == b.header
    assert a.tensors.keys() == b.tensors.keys()
    assert all(torch.equal(a.tensors[key], b.tensors[key]) for key in a.tensors)


def test_discriminator_of_one_size_takes_that_of_the_data():
    what = AdversaryRecipe("dcgan", "dcgan", 1.0, ADAM, config={"width": 4})
    assert Opponent(what, CPU, size=(32, 32)).net.size == 32
    assert Opponent(what, CPU).net.size == 128
    assert Opponent(replace(what, config={"width": 4, "size": 64}), CPU, size=(32, 32)).net.size == 64
    with pytest.raises(InputError, match="a power of two"):
        Opponent(what, CPU, size=(48, 48))
    patch = replace(what, discriminator="patchgan")
    assert Opponent(patch, CPU, size=(32, 32)).net.channels == 3


def test_discriminator_of_the_trainers_data_takes_their_crop(tmp_path):
    faces = parts.write_faces(tmp_path / "faces")
    stage = parts.plain(iterations=1, adversary=AdversaryRecipe("dcgan", "dcgan", 1.0, ADAM, config={"width": 4}))
    done = parts.train(parts.recipe(faces, stage), faces, tmp_path / "a", check=0)
    assert done.finished


def test_dfpgnets_discriminator_compares_estimates_with_features_of_the_sharp_face(monkeypatch):
    pairs = divide(parts.virtual()).train
    (stage,) = load_train_recipe("dfpgnet").stage
    losses = tuple(
        replace(term, options=term.options | SMALL_VGG) if term.name == "feature-priors" else term
        for term in stage.losses
    )
    stage = replace(stage, losses=losses, adversary=replace(stage.adversary, config={"width": 16}))
    run = StageRun(stage, make_network("dfpgnet", width=16, blocks=1, prior_blocks=1), CPU)
    judged = []
    run.opponent.net.register_forward_pre_hook(lambda net, given: judged.append([each.detach() for each in given]))
    batch = next(stream(pairs))
    run.step(0, iter([batch]))
    vgg = make_loss("feature-priors", SMALL_VGG).features
    wanted = [features / 58 for features in vgg(batch["sharp"]).values()]
    real, fake, again = judged  # the critic's step on both, then the network's own
    for one, other in zip(real, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(fake, again, strict=True):
        assert torch.equal(one, other)
    assert [each.shape for each in fake] == [each.shape for each in real]
    # Of one order with what a network gives at first.
    assert 0.05 < float(torch.stack([each.square().mean() for each in wanted]).mean().sqrt()) < 5
    assert run.step(1, iter([batch]))["feature-priors"] > 0


def test_a_narrow_network_estimates_some_channels_of_each_layer():
    batch = {"sharp": torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))}
    loss = make_loss("feature-priors", SMALL_VGG | {"scale": 4.0})
    whole = loss.priors(batch)
    loss.bind(make_network("dfpgnet", width=8, blocks=1, prior_blocks=1))
    some = loss.priors(batch)
    for name, value in whole.items():
        assert torch.equal(some[name], value[:, ::2]) and some[name].shape[1] == value.shape[1] // 2
    first = make_loss("feature-priors", SMALL_VGG | {"scale": 4.0, "layers": ["relu1_2"]})
    first.bind(make_network("dfpgnet", width=8, blocks=1, prior_blocks=1))
    assert list(first.priors(batch)) == ["priors1"] and torch.equal(first.priors(batch)["priors1"], some["priors1"])
    loss.bind(make_network("dfpgnet", width=12, blocks=1, prior_blocks=1))
    with pytest.raises(InputError, match="divides 16"):
        loss.priors(batch)


def test_feature_prior_scale():
    batch = {"sharp": torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))}
    plain, scaled = (make_loss("feature-priors", SMALL_VGG | more) for more in ({}, {"scale": 4.0}))
    priors = scaled.priors(batch)
    assert list(priors) == ["priors1", "priors2", "priors3"]
    for name, value in plain.priors(batch).items():
        assert torch.allclose(value / 4, priors[name])
    assert float(scaled(priors, batch)) == 0
    zeros = {name: torch.zeros_like(value) for name, value in priors.items()}
    assert float(plain(zeros, batch)) == pytest.approx(4 * float(scaled(zeros, batch)), rel=1e-5)
    with pytest.raises(InputError, match="above 0"):
        make_loss("feature-priors", SMALL_VGG | {"scale": 0})


@pytest.mark.parametrize("labels", [True, False])
def test_each_first_stage_of_umsn_sees_its_own_class_blurred_only(labelled, labels):
    stage = replace(load_train_recipe("umsn").stage[2], labels=labels)
    net = make_network("umsn", **SMALL_UMSN)
    run = StageRun(stage, net, CPU)
    batch = next(stream(labelled, labels=labels))
    given = []
    for each in net.streams:
        each.register_forward_pre_hook(lambda module, args: given.append(args))
    outputs = run.outputs(net, batch)
    masks = outputs["masks"]
    assert torch.equal(masks, net.masks(batch["sharp"])) or labels
    assert not labels or set(masks.unique().tolist()) == {0.0, 1.0}
    guide = net.masks(batch["blurred"])
    for at, (picture, mask) in enumerate(given):
        own = masks[:, at : at + 1]
        wanted = own * batch["blurred"] + (1 - own) * batch["sharp"]
        assert torch.allclose((picture + 1) / 2, wanted, atol=1e-6)
        assert torch.allclose(mask, guide[:, at : at + 1], atol=1e-6)
    assert len(given) == 4
    loss = next(iter(run.losses.values()))[1]
    weights = (1.2, 1.2, 3.6, 1.2)
    wanted = sum(w * (outputs[f"class{i}"] - batch["sharp"]).abs().mean() for i, w in enumerate(weights, 1))
    assert float(loss(outputs, batch).detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)


def test_whole_umsn_is_judged_by_s_nets_masks_and_its_own_confidence(labelled):
    stage = load_train_recipe("umsn").stage[3]
    stage = replace(stage, losses=stage.losses[:1], accumulate=1)
    net = make_network("umsn", **SMALL_UMSN)
    run = StageRun(stage, net, CPU)
    batch = next(stream(labelled))
    kept = {name: value.clone() for name, value in net.segmentation.state_dict().items()}
    outputs = run.outputs(net, batch)
    masks = net.masks(batch["sharp"])
    confidence = net.confidences(outputs["restored"], batch["sharp"], masks)
    error = (outputs["restored"] - batch["sharp"]).abs()
    wanted = 0.0
    for at, weight in enumerate((1.2, 1.2, 3.6, 1.2)):
        sure = confidence[:, at, :, None, None]
        # The code's terms, of images in [-1, 1]; all x 2.
        wanted += 2 * (weight * (sure * masks[:, at : at + 1] * 2 * error).mean() - 0.06 / 4 * sure.log().mean())
    values = run.step(0, iter([batch]))
    assert values["loss"] == pytest.approx(float(wanted.detach()), rel=1e-4)
    assert list(values) == ["loss", "confidence-guided", "C_1", "C_2", "C_3", "C_4", "gradient", "rate"]
    for at in range(4):
        assert values[f"C_{at + 1}"] == pytest.approx(confidence[:, at].mean().item(), rel=1e-5)
    assert all(torch.equal(kept[name], value) for name, value in net.segmentation.state_dict().items())


def test_confidence_that_is_not_estimated_is_not_logged(labelled):
    stage = load_train_recipe("umsn").stage[3]
    (term,) = stage.losses[:1]
    stage = replace(stage, losses=(replace(term, options=term.options | {"confidence": "none"}),))
    assert StageRun(stage, make_network("umsn", **SMALL_UMSN), CPU).columns == [
        "loss", "confidence-guided", "gradient", "rate"
    ]  # fmt: skip


def test_the_share_of_blurred_batches_is_drawn_by_the_step(labelled, monkeypatch):
    stage = load_train_recipe("umsn").stage[1]
    run = StageRun(stage, make_network("umsn", **SMALL_UMSN), CPU, seed=3)
    batch = next(batches(Examples(labelled, labels=True, kernels=True), Places(2), CPU.device, loaders=0))
    given = [run._given(batch, f"{number} 0") for number in range(400)]
    blurred = [each is batch for each in given]
    assert 0.27 < sum(blurred) / 400 < 0.41
    assert [run._given(batch, f"{number} 0") is batch for number in (7, 3)] == [blurred[7], blurred[3]]
    other = StageRun(stage, run.net, CPU, seed=4)
    assert [other._given(batch, f"{number} 0") is batch for number in range(400)] != blurred
    sharp = given[blurred.index(False)]
    assert torch.equal(sharp["blurred"], batch["sharp"]) and not torch.equal(batch["blurred"], batch["sharp"])
    middle = sharp["kernels"].shape[-1] // 2
    assert sharp["kernels"].sum() == 2 and (sharp["kernels"][:, middle, middle] == 1).all()
    # What a step sees is what is given.
    seen = []
    monkeypatch.setattr(run, "_one", lambda batch: seen.append(batch) or torch.ones(len(run.columns) - 2))
    monkeypatch.setattr(run.engine, "step", lambda *given: 1.0)
    for number in range(8):
        run.step(number, iter([batch]))
    assert [each is batch for each in seen] == blurred[:8]


def test_a_stage_may_have_noise_of_its_own(labelled):
    quiet = labelled.with_noise(0.0)
    assert (labelled.spec.noise.sigma, quiet.spec.noise.sigma) == (0.01, 0.0)
    one, other = labelled[3], quiet[3]
    assert np.array_equal(one.sharp, other.sharp) and one.kernel == other.kernel
    difference = one.blurred.astype(int) - other.blurred
    assert 1.5 < difference.std() < 4 and np.abs(difference).max() < 20


def test_weights_that_nothing_uses_are_in_no_optimiser():
    net = make_network("umsn")
    assert net.idle
    for train_, freeze in (((), ()), ((), ("segmentation",)), (("streams",), ())):
        choose_weights(net, train_, freeze)
        idle = {id(weight) for weight in net.idle.values()}
        assert not any(weight.requires_grad for weight in net.idle.values())
        groups = make_optimiser(ADAM, net).param_groups
        assert not any(id(weight) in idle for group in groups for weight in group["params"])


def test_deepdeblur_learns_by_its_recipe_at_the_stated_rate():
    pairs = divide(parts.virtual()).train
    (stage,) = load_train_recipe("deepdeblur").stage
    stage = replace(stage, iterations=60, schedule=replace(stage.schedule, warmup=15))
    torch.manual_seed(0)
    run = StageRun(stage, make_network("deepdeblur", width=16, reduced=4, modules=3), CPU)
    source = stream(pairs)
    losses = [run.step(step, source)["loss"] for step in range(60)]
    assert max(losses) < 5 * losses[0]
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
