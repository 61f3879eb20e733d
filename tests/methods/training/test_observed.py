"""Training without sharp images: no gradient depends on one, it learns, resumes, and refuses what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import train_parts as parts

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import write_png
from facedeblur.generators.pairs.sharp_source import SharpArray
from facedeblur.generators.pairs.spec import PairSpec
from facedeblur.generators.pairs.virtual import VirtualPairs
from facedeblur.generators.video.frames import frames
from facedeblur.generators.video.spec import FrameSpec
from facedeblur.methods.nets.base import make_network
from facedeblur.methods.training.checkpoint import read_checkpoint
from facedeblur.methods.training.data.batches import Examples, Places, batches
from facedeblur.methods.training.data.observations import ObservedExamples
from facedeblur.methods.training.data.pairs import divide
from facedeblur.methods.training.devices import Engine, Hardware
from facedeblur.methods.training.losses.observations import blurred_by
from facedeblur.methods.training.observed import outputs_of_two
from facedeblur.methods.training.recipe import LossTerm, load_train_recipe
from facedeblur.methods.training.stage import StageRun

CPU = Engine(Hardware("cpu"))
RECIPES = ("xia2019-unsupervised", "xia2019-unsupervised-blind")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pairs():
    return divide(parts.virtual(size=64)).train


def two(**changes):
    """A stage on two observations."""
    losses = (LossTerm("swap"), LossTerm("self-measurement"), LossTerm("proxy"))
    return parts.plain(**{"losses": losses, "observations": 2, "kernels": True, "proxies": 0.01} | changes)


def made(name, pairs, batch=4):
    """The stage of a recipe with a narrow network, and its batches."""
    torch.manual_seed(0)
    recipe = load_train_recipe(name)
    (stage,) = recipe.stage
    net = make_network("xia2019", **recipe.config | {"width": 8, "depth": 4})
    examples = ObservedExamples(pairs, kernels=stage.kernels, proxies=True)
    return StageRun(stage, net, CPU), lambda: batches(examples, Places(batch), CPU.device, loaders=0)


def gradients(run, batch):
    run.step(0, iter([batch]))
    return {name: value.grad.clone() for name, value in run.net.named_parameters()}


@pytest.mark.parametrize("name", RECIPES)
def test_no_gradient_depends_on_sharp_images(name, pairs):
    found = []
    for noise in (False, True):
        sharp = pairs.make(pairs.plan(0)).sharp.shape
        run, source = made(name, pairs)
        batch = next(source())
        assert "sharp" not in batch and ("kernels" in batch) == (name == RECIPES[0])
        if noise:
            batch |= {key: torch.rand(4, 3, *sharp[:2]) for key in ("sharp", "second_sharp")}
        if noise and name == RECIPES[1]:
            batch |= {f"{side}kernels": torch.rand(4, 7, 7) for side in ("", "second_")}
        found.append(gradients(run, batch))
    assert any(value.any() for value in found[0].values())
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
    # The second image does change them.
    run, source = made(name, pairs)
    batch = next(source())
    batch["second_blurred"] = torch.rand_like(batch["second_blurred"])
    other = gradients(run, batch)
    assert not all(torch.equal(found[0][key], other[key]) for key in other)


def test_the_network_sees_both_images_and_its_own_estimates_blurred_again():
    torch.manual_seed(1)
    seen = []

    def net(images, kernels):
        seen.append((images, kernels))
        return {"restored": 0.5 * images, "kernel": images[:, 0]}

    names = ("blurred", "kernels", "proxy_kernels")
    batch = {f"{side}{name}": torch.rand(2, 3, 16, 16) if name == "blurred" else torch.rand(2, 5, 5)
             for side in ("", "second_") for name in names}  # fmt: skip
    batch["blurred"].requires_grad_()
    assert {*outputs_of_two(net, batch, None)} == {"restored", "kernel", "second_restored", "second_kernel"}
    seen.clear()
    outputs = outputs_of_two(net, batch, 0.0)
    given = ("kernels", "second_kernels", "proxy_kernels", "second_proxy_kernels")
    assert all(kernels is batch[name] for (_, kernels), name in zip(seen, given, strict=True))
    assert len(outputs) == 8 and outputs["restored"].requires_grad and not outputs["proxy_restored"].requires_grad
    for side in ("", "second_"):
        again = blurred_by(0.5 * batch[f"{side}blurred"], batch[f"{side}proxy_kernels"])
        torch.testing.assert_close(outputs[f"{side}proxy_restored"], 0.5 * again)
    seen.clear()
    outputs_of_two(net, batch, 0.2)
    noise = seen[2][0] - blurred_by(0.5 * batch["blurred"], batch["proxy_kernels"])
    assert noise.std().item() == pytest.approx(0.2, rel=0.1)


def checks(size=32, count=4):
    """Virtual pairs of random checks, which blur takes most of."""
    faces = np.random.default_rng(1).integers(0, 256, (count, size // 8, size // 8, 3), dtype=np.uint8)
    source = SharpArray(faces.repeat(8, 1).repeat(8, 2))
    return VirtualPairs(source, PairSpec((9, 11), 10, border="reflect"), repeats=1000, shuffle=True)


def psnr_of(net, pairs):
    """PSNR of the first images of the training faces, restored and blurred, dB."""
    examples = ObservedExamples(pairs)
    plans = [examples.observations.plan(index) for index in range(len(pairs.source.faces))]
    sharp = torch.from_numpy(np.stack([pairs.make(plan.first).sharp for plan in plans])).permute(0, 3, 1, 2) / 255
    blurred = torch.from_numpy(np.stack([examples[index]["blurred"] for index in range(len(plans))])) / 255
    with torch.no_grad():
        return [-10 * (one - sharp).square().mean((1, 2, 3)).log10().mean() for one in (net(blurred), blurred)]


def test_faces_are_learned_without_seeing_them_sharp():
    few = checks()
    run, source = made(RECIPES[0], few)
    # Without proxies, which few faces and steps do not benefit from.
    optimiser = replace(run.stage.optimiser, lr=5e-3)
    run = StageRun(replace(run.stage, optimiser=optimiser, proxies=None, losses=run.stage.losses[:2]), run.net, CPU)
    stream, losses = source(), []
    for step in range(150):
        losses.append(run.step(step, stream)["loss"])
    assert np.mean(losses[-5:]) < 0.2 * losses[0]
    restored, blurred = psnr_of(run.net, few)
    assert restored > blurred + 1


@pytest.mark.parametrize("name", RECIPES)
def test_every_loss_of_the_recipe_falls(name):
    run, source = made(name, checks())
    stream = source()
    seen = [run.step(step, stream) for step in range(30)]
    for loss in run.losses:
        assert np.mean([one[loss] for one in seen[-3:]]) < 0.8 * seen[0][loss], loss


def test_resumed_training_is_the_same_bit_for_bit(tmp_path):
    faces = parts.write_faces(tmp_path / "faces")
    whole = parts.recipe(faces, two())
    parts.train(whole, faces, tmp_path / "a")
    parts.train(whole, faces, tmp_path / "b", stop_after=2)
    assert parts.train(whole, faces, tmp_path / "b").finished
    a, b = (read_checkpoint(tmp_path / run / "checkpoints/1-whole.safetensors") for run in "ab")
    assert a.header == b.header and all(torch.equal(a.tensors[key], b.tensors[key]) for key in a.tensors)
    header = (tmp_path / "a" / "1-whole.csv").read_text().partition("\n")[0]
    assert "swap,self-measurement,proxy,gradient" in header and "psnr,ssim,psnr_blurred" in header


def test_sets_with_one_image_of_a_face_are_refused(tmp_path):
    faces = parts.write_faces(tmp_path / "faces")
    for name in ("ann", "bo"):
        for k in range(3):
            write_png(tmp_path / "videos" / name / f"{k}.png", parts.smooth(40, 48)[:40, k : k + 36])
    spec = FrameSpec(length="all", template="none", detector="none", min_motion=0.0)
    made = frames(tmp_path / "videos", tmp_path / "set", spec, workers=1)
    with pytest.raises(InputError, match="needs kernels, which 2 pairs of the sets lack"):
        parts.train(parts.recipe(faces, two()), (), tmp_path / "a", pairs=[made.root])
    with pytest.raises(InputError, match="photographs and sets cannot both give two blurred images"):
        parts.train(parts.recipe(faces, two()), faces, tmp_path / "a", pairs=[made.root])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"observations": 3}, "observations: expected 1 or 2, found 3"),
        ({"observations": 1}, "proxies: expected observations = 2"),
        ({"proxies": -1.0}, "proxies: expected from 0 to 1"),
        ({"labels": True}, "labels: expected none of it with 2 observations"),
        ({"input": "sharp"}, "input: expected none of it"),
        ({"adversary": parts.rival()}, "adversary: expected none of it"),
    ],
)
def test_stages_that_need_sharp_faces_are_refused(changes, line):
    with pytest.raises(InputError, match=line):
        two(**changes)


def test_losses_and_networks_that_need_sharp_faces_are_refused(pairs):
    source = batches(ObservedExamples(pairs, kernels=True, proxies=True), Places(2), CPU.device, loaders=0)
    run = StageRun(two(losses=(LossTerm("l1"),)), make_network("test-small"), CPU)
    with pytest.raises(InputError, match="batch entry 'sharp'"):
        run.step(0, source)
    with pytest.raises(InputError, match="stage 'whole' has no sharp faces, which the network reads in training"):
        StageRun(two(), make_network("lu2019", width=4), CPU)
    # And a stage on pairs is what it was.
    batch = next(batches(Examples(pairs), Places(2), CPU.device, loaders=0))
    assert {*StageRun(parts.plain(), make_network("test-small"), CPU).outputs(make_network("test-small"), batch)} == {
        "restored"
    }
