"""The losses over semantic classes against loops over images, classes and pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import GROUPS
from facedeblur.methods.training.losses.base import make_loss

RNG = np.random.default_rng(5)
OUTPUT, SHARP = RNG.random((2, 3, 6, 8)), RNG.random((2, 3, 6, 8))
LABELS = RNG.integers(0, 11, (2, 6, 8))
LABELS[1][LABELS[1] == 4] = 10  # no left eye in the second image
LABELS[0, 0, 0] = 255  # not labelled


def tensors(**arrays: np.ndarray) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def structural(output, sharp, masks_of, adaptive, c) -> list[float]:
    """Eq. 6 with eq. 7 for every image: a loop over components 2..9."""
    values = []
    for n in range(len(output)):
        value = 0.0
        for k in range(2, 10):
            size, norm = 0, 0.0
            for i in range(output.shape[2]):
                for j in range(output.shape[3]):
                    if masks_of(n, k, i, j):
                        size += 1
                        norm += sum(abs(output[n, ch, i, j] - sharp[n, ch, i, j]) for ch in range(3))
            if size:
                value += (c / size if adaptive else c) * norm
        values.append(value)
    return values


@pytest.mark.parametrize("weights", ["adaptive", "equal"])
def test_local_structural(weights):
    per_image = structural(OUTPUT, SHARP, lambda n, k, i, j: LABELS[n, i, j] == k, weights == "adaptive", 2.5)
    outputs, batch = tensors(restored=OUTPUT), tensors(sharp=SHARP, labels=LABELS)
    options = {"weights": weights, "c": 2.5}
    total = make_loss("local-structural", {**options, "reduction": "sum"})(outputs, batch)
    assert float(total) == pytest.approx(np.mean(per_image), rel=1e-5)
    mean = make_loss("local-structural", options)(outputs, batch)
    assert float(mean) == pytest.approx(np.mean(per_image) / (3 * 6 * 8), rel=1e-5)


def test_local_structural_at_half_size_pools_the_masks():
    def pooled(n, k, i, j):
        return (LABELS[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] == k).any()

    small = RNG.random((2, 3, 3, 4))
    per_image = structural(OUTPUT[:, :, ::2, ::2], small, pooled, True, 1.0)
    loss = make_loss(
        "local-structural", {"of": "restored_half", "target": "sharp_half", "half": "nearest", "reduction": "sum"}
    )
    found = loss(tensors(restored_half=small), tensors(sharp=OUTPUT, labels=LABELS))
    assert float(found) == pytest.approx(np.mean(per_image), rel=1e-5)


def test_a_face_without_parts_has_no_structural_loss_and_finite_gradients():
    output = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    batch = {"sharp": torch.zeros(1, 3, 4, 4), "labels": torch.ones(1, 4, 4, dtype=torch.uint8)}
    loss = make_loss("local-structural")({"restored": output}, batch)
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(output.grad).all()


def classes_of(partition: str, label: int) -> int | None:
    return next((at for at, values in enumerate(GROUPS[partition].values()) if label in values), None)


@pytest.mark.parametrize(("partition", "count"), [("helen11", 11), ("umsn4", 4)])
@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
@pytest.mark.parametrize("logits", [True, False])
def test_parsing(partition, count, form, logits):
    scores = RNG.normal(size=(2, count, 6, 8))
    odds = np.exp(scores)
    chances = odds / odds.sum(1, keepdims=True) if form == "softmax" else odds / (1 + odds)
    total, labelled = 0.0, 0
    for n in range(2):
        for i in range(6):
            for j in range(8):
                truth = classes_of(partition, int(LABELS[n, i, j]))
                if truth is None:
                    continue
                labelled += 1
                if form == "softmax":
                    total -= math.log(chances[n, truth, i, j])
                    continue
                for k in range(count):
                    total -= math.log(chances[n, k, i, j] if k == truth else 1 - chances[n, k, i, j])
    assert labelled == 95
    outputs, batch = tensors(parsing=scores if logits else chances), tensors(labels=LABELS)
    options = {"partition": partition, "form": form, "logits": logits}
    summed = make_loss("parsing", {**options, "reduction": "sum"})(outputs, batch)
    assert float(summed) == pytest.approx(total / 2, rel=1e-5)
    mean = make_loss("parsing", options)(outputs, batch)
    assert float(mean) == pytest.approx(total / labelled / (count if form == "sigmoid" else 1), rel=1e-5)


def test_parsing_agrees_with_torch_and_takes_half_size():
    scores = torch.from_numpy(RNG.normal(size=(2, 11, 3, 4)))
    labels = torch.from_numpy(np.where(LABELS == 255, 0, LABELS))
    wanted = torch.nn.functional.cross_entropy(scores, labels[:, ::2, ::2])
    found = make_loss("parsing", {"of": "parsing_half"})({"parsing_half": scores}, {"labels": labels})
    assert float(found) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize("half", [False, True])
def test_parsing_of_masks_that_the_blur_moves_is_the_published_codes(half):
    """Each mask convolved by scipy, as the code does, and cut at 0.49; the labels here end before the kernel does."""
    labels = np.full((2, 16, 16), 0)
    labels[:, 4:12, 4:12], labels[:, 7:9, 6:9], labels[0, :2], labels[1, 5, 5] = 1, 6, 10, 255
    kernels = np.zeros((2, 5, 5))
    kernels[0, 2, 2:], kernels[1, 1:3, 2] = (0.2, 0.3, 0.5), (0.4, 0.6)
    scores = RNG.normal(size=(2, 4, 8, 8) if half else (2, 4, 16, 16))
    masks = np.stack([[np.isin(one, group) for group in GROUPS["umsn4"].values()] for one in labels]).astype(float)
    moved = np.stack([
        [ndimage.convolve(mask, kernel, mode="nearest") > 0.49 for mask in each]
        for each, kernel in zip(masks, kernels, strict=True)
    ]).astype(float)  # fmt: skip
    assert not np.array_equal(moved, masks) and (moved.sum(1) == 0).any()
    known = np.broadcast_to((labels != 255)[:, None], moved.shape)
    if half:
        moved, known = moved[..., ::2, ::2], known[..., ::2, ::2]
    entropy = np.log1p(np.exp(-scores * (2 * moved - 1)))
    options = {"of": "parsing", "partition": "umsn4", "form": "sigmoid", "blurred": 0.49}
    batch = {"labels": torch.from_numpy(labels), "kernels": torch.from_numpy(kernels).float()}
    found = make_loss("parsing", options)(tensors(parsing=scores), batch)
    assert float(found) == pytest.approx(entropy[known].mean(), rel=1e-5)
    # No blur moves nothing.
    still = {
        **batch,
        "kernels": torch.zeros(2, 5, 5).index_put((torch.arange(2), *torch.full((2, 2), 2)), torch.ones(2)),
    }
    plain = make_loss("parsing", {key: value for key, value in options.items() if key != "blurred"})
    assert float(make_loss("parsing", options)(tensors(parsing=scores), still)) == pytest.approx(
        float(plain(tensors(parsing=scores), batch)), rel=1e-6
    )


def confident(weights, log_weight, confidence, masks) -> float:
    """UMSN eq. 4, mean reduction; confidence[n][m][c] and soft masks[n][m][i][j]."""
    loss = 0.0
    for m in range(4):
        error, logs = 0.0, 0.0
        for n in range(2):
            for c in range(3):
                logs += math.log(confidence[n, m, c])
                for i in range(6):
                    for j in range(8):
                        mask = masks[n, m, i, j]
                        error += confidence[n, m, c] * abs(mask * OUTPUT[n, c, i, j] - mask * SHARP[n, c, i, j])
        loss += weights[m] * error / (2 * 3 * 6 * 8) - log_weight * logs / 6
    return loss


def hard_masks() -> np.ndarray:
    masks = np.zeros((2, 4, 6, 8))
    for (n, i, j), label in np.ndenumerate(LABELS):
        if (group := classes_of("umsn4", int(label))) is not None:
            masks[n, group, i, j] = 1
    return masks


@pytest.mark.parametrize(
    ("preset", "weights", "log_weight"),
    [("paper", (1, 1, 1, 1), 0.01), ("code", (1.2, 1.2, 3.6, 1.2), 0.015)],
)
@pytest.mark.parametrize("per_channel", [True, False])
def test_confidence_guided(preset, weights, log_weight, per_channel):
    confidence = RNG.uniform(0.1, 1, (2, 4, 3) if per_channel else (2, 4))
    full = np.broadcast_to(confidence.reshape(2, 4, -1), (2, 4, 3))
    outputs = tensors(restored=OUTPUT, confidence=confidence)
    found = make_loss("confidence-guided", {"preset": preset})(outputs, tensors(sharp=SHARP, labels=LABELS))
    assert float(found) == pytest.approx(confident(weights, log_weight, full, hard_masks()), rel=1e-5)


def test_confidence_guided_by_soft_masks_is_the_published_codes_expression():
    """Code: L1(C m x^ + (1 - C) m x, m x) for every class."""
    confidence, masks = RNG.uniform(0.1, 1, (2, 4, 3)), RNG.random((2, 4, 6, 8))
    wanted = 0.0
    for m, weight in enumerate((1.2, 1.2, 3.6, 1.2)):
        share, mask = confidence[:, m, :, None, None], masks[:, m, None]
        mixed = share * mask * OUTPUT + (1 - share) * mask * SHARP
        wanted += weight * np.abs(mixed - mask * SHARP).mean() - 0.06 / 4 * np.log(confidence[:, m] + 1e-8).mean()
    loss = make_loss("confidence-guided", {"preset": "code", "masks": "masks"})
    batch = tensors(sharp=SHARP)
    found = loss(tensors(restored=OUTPUT, masks=masks, confidence=confidence), batch)
    assert float(found) == pytest.approx(wanted, rel=1e-9)
    from_batch = loss(tensors(restored=OUTPUT, confidence=confidence), batch | tensors(masks=masks))
    assert float(from_batch) == float(found)


def test_confidence_guided_asks_the_network_in_training():
    class Net(torch.nn.Module):
        def confidences(self, restored, sharp, masks):
            masked = masks[:, :, None] * (restored - sharp)[:, None]
            return torch.exp(-masked.abs().mean((3, 4), keepdim=True))

    batch = tensors(sharp=SHARP, labels=LABELS)
    loss = make_loss("confidence-guided")
    with pytest.raises(InputError, match="network output 'confidence'"):
        loss(tensors(restored=OUTPUT), batch)
    loss.bind(Net())
    masks = hard_masks()
    confidence = np.exp(-np.abs(masks[:, :, None] * (OUTPUT - SHARP)[:, None]).mean((3, 4)))
    wanted = confident((1, 1, 1, 1), 0.01, confidence, masks)
    assert float(loss(tensors(restored=OUTPUT), batch)) == pytest.approx(wanted, rel=1e-5)
    assert not list(loss.parameters())


def test_without_confidence_the_classes_sum_to_the_whole_image():
    labels = np.where(LABELS == 255, 0, LABELS)
    found = make_loss("confidence-guided", {"confidence": "none", "reduction": "sum"})(
        tensors(restored=OUTPUT), tensors(sharp=SHARP, labels=labels)
    )
    assert float(found) == pytest.approx(np.abs(OUTPUT - SHARP).sum() / 2, rel=1e-9)


def test_class_streams():
    images = RNG.random((4, 2, 3, 6, 8))
    streams = tensors(**{f"class{m}": image for m, image in enumerate(images, 1)})
    wanted = sum(
        weight * abs(images[m, n, c, i, j] - SHARP[n, c, i, j]) / (2 * 3 * 6 * 8)
        for m, weight in enumerate((1.2, 1.2, 3.6, 1.2))
        for n, c, i, j in np.ndindex(2, 3, 6, 8)
    )
    found = make_loss("class-streams", {"preset": "code"})(streams, tensors(sharp=SHARP))
    assert float(found) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("local-structural", {"parts": ["left ey"]}, "did you mean 'left eye'"),
        ("local-structural", {"weights": "inverse"}, "adaptive, equal"),
        ("parsing", {"partition": "helen"}, "did you mean 'helen11'"),
        ("parsing", {"form": "hinge"}, "softmax, sigmoid"),
        ("parsing", {"blurred": 0.49}, "with form 'sigmoid'"),
        ("confidence-guided", {"preset": "papre"}, "did you mean 'paper'"),
        ("confidence-guided", {"class_weights": [1.0]}, "4 numbers"),
        ("class-streams", {"class_weights": [1.0]}, "4 numbers"),
    ],
)
def test_wrong_options_are_told(name, options, words):
    with pytest.raises(InputError, match=words):
        make_loss(name, options)


def test_wrong_tensors_are_told():
    batch = tensors(sharp=SHARP, labels=LABELS)
    with pytest.raises(InputError, match="umsn4"):
        make_loss("parsing", {"partition": "umsn4"})(tensors(parsing=RNG.random((2, 11, 6, 8))), batch)
    with pytest.raises(InputError, match="integers of shape"):
        make_loss("local-structural")(tensors(restored=OUTPUT), tensors(sharp=SHARP, labels=LABELS / 2))
    with pytest.raises(InputError, match="size of the labels"):
        make_loss("local-structural")(tensors(restored=OUTPUT), tensors(sharp=SHARP, labels=LABELS[:, :4]))
    with pytest.raises(InputError, match=r"\(2, 4\)"):
        make_loss("confidence-guided")(tensors(restored=OUTPUT, confidence=np.ones((2, 3))), batch)
    with pytest.raises(InputError, match="masks from 'maps'"):
        make_loss("confidence-guided", {"masks": "maps"})(tensors(restored=OUTPUT, maps=np.ones((2, 3, 6, 8))), batch)
    with pytest.raises(InputError, match="output 'class2'"):
        make_loss("class-streams")(tensors(class1=OUTPUT, class2=OUTPUT[:1]), batch)
