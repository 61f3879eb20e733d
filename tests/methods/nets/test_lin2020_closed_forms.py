"""The closed forms of Lin et al.: kernels from sketches and Wiener restoration, against numpy and known kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import fft, ndimage, signal

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import read_photo
from facedeblur.generators.recipe import load_recipe
from facedeblur.methods.classical.nonblind.wiener import Wiener
from facedeblur.methods.nets.lin2020 import estimate_kernel, grey, quick_size, taper_weight, wiener

LUMA = np.array([0.299, 0.587, 0.114])


def bent_kernel(size: int) -> np.ndarray:
    """A hook-shaped trajectory, (size, size) float64, sum 1, not symmetric in any way."""
    kernel = np.zeros((size, size))
    along = np.linspace(0, 1, 200)
    rows = size * (0.2 + 0.6 * along**2)
    columns = size * (0.5 + 0.3 * np.sin(4 * along))
    np.add.at(kernel, (rows.astype(int), columns.astype(int)), 1)
    kernel = ndimage.gaussian_filter(kernel, 0.5, mode="constant")
    return kernel / kernel.sum()


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def framed(image: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`image` blurred and sharp, without the 26 pixels at each border that the blur knows too little of."""
    return signal.convolve(image, kernel, mode="same")[26:-26, 26:-26], image[26:-26, 26:-26]


def literal_kernel(
    blurred: np.ndarray, sketch: np.ndarray, size: int, beta: float, scale: str, space: str = "gradient"
) -> np.ndarray:
    """Equation 9 with full complex transforms; `blurred` and `sketch` are (H, W) float64."""
    top, bottom = np.zeros(blurred.shape, complex), np.zeros(blurred.shape)
    for axis in (0, 1) if space == "gradient" else (None,):
        y, s = (of - of.mean() if axis is None else
                np.concatenate([np.diff(of, axis=axis), of.take([0], axis) - of.take([-1], axis)], axis)
                for of in (blurred, sketch))  # fmt: skip
        y, s = np.fft.fft2(y), np.fft.fft2(s)
        top += np.conj(s) * y
        bottom += np.abs(s) ** 2
    whole = np.fft.fftshift(np.fft.ifft2(top / (bottom + beta * (bottom.mean() if scale == "relative" else 1))).real)
    row, column = (side // 2 - size // 2 for side in blurred.shape)
    kernel = whole[row : row + size, column : column + size].copy()
    kernel[kernel < 0.05 * kernel.max()] = 0
    return kernel / kernel.sum()


def literal_wiener(image: np.ndarray, kernel: np.ndarray, gamma: float, rounds: int) -> np.ndarray:
    """Padding, edge tapering and equation 11 of one channel (H, W) float64, convolutions in space."""
    height, width = image.shape
    margin = kernel.shape[0] // 2
    shape = [fft.next_fast_len(side + 2 * margin, real=True) for side in image.shape]
    padded = np.pad(image, [(margin, shape[0] - height - margin), (margin, shape[1] - width - margin)], mode="edge")
    sides = []
    for axis, side in enumerate(shape):
        projection = np.zeros(side - 1)
        projection[: kernel.shape[0]] = kernel.sum(axis=1 - axis)
        overlap = np.array([projection @ np.roll(projection, lag) for lag in range(side - 1)])
        sides.append(1 - np.append(overlap, overlap[0]) / overlap[0])
    weight = np.outer(*sides)
    for _ in range(rounds):
        wrapped = ndimage.convolve(padded, kernel, mode="wrap")
        padded = weight * padded + (1 - weight) * wrapped
    room = np.zeros(shape)
    room[: kernel.shape[0], : kernel.shape[0]] = kernel
    spectrum = np.fft.fft2(np.roll(room, (-margin, -margin), (0, 1)))
    restored = np.fft.ifft2(np.conj(spectrum) * np.fft.fft2(padded) / (np.abs(spectrum) ** 2 + gamma)).real
    return restored[margin : margin + height, margin : margin + width]


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None, None]


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> np.ndarray:
    """The portrait's face, 292x252 grey in [0, 1], float64: 240x200 and a margin of 26."""
    return portrait[:292, 90:342] @ LUMA / 255


def test_kernel_of_a_synthetic_image_on_the_torus_is_the_true_one() -> None:
    rng = np.random.default_rng(0)
    sharp = ndimage.zoom(rng.random((12, 10)), 20, order=0)
    kernel = bent_kernel(31)
    blurred = ndimage.convolve(sharp, kernel, mode="wrap")
    found = estimate_kernel(as_tensor(blurred), as_tensor(sharp), size=31, beta=1e-7, border="circular")[0].numpy()
    assert correlation(found, kernel) > 0.99
    found = estimate_kernel(as_tensor(blurred), as_tensor(sharp), size=51, border="circular")[0].numpy()
    assert correlation(found[10:41, 10:41], kernel) > 0.9
    assert found[10:41, 10:41].sum() > 0.9
    # A convolution, not a correlation: the turned kernel is another one.
    assert correlation(found[10:41, 10:41], kernel[::-1, ::-1]) < 0.6


def test_kernel_of_a_portrait_on_the_torus_is_the_true_one(face: np.ndarray) -> None:
    kernel = bent_kernel(27)
    sharp = face[26:-26, 26:-26]
    blurred = as_tensor(ndimage.convolve(sharp, kernel, mode="wrap"))
    found = estimate_kernel(blurred, as_tensor(sharp), border="circular")[0].numpy()
    assert found.shape == (51, 51)
    assert correlation(found, np.pad(kernel, 12)) > 0.99


def test_true_borders_spoil_circular_differences_and_not_tapered_ones(face: np.ndarray) -> None:
    kernel = bent_kernel(27)
    blurred, sharp = framed(face, kernel)
    circular = estimate_kernel(as_tensor(blurred), as_tensor(sharp), border="circular")[0].numpy()
    tapered = estimate_kernel(as_tensor(blurred), as_tensor(sharp), border="taper")[0].numpy()
    assert correlation(tapered, np.pad(kernel, 12)) > 0.98
    assert 0.6 < correlation(circular, np.pad(kernel, 12)) < 0.9


def psnr(image: torch.Tensor, sharp: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image[0, 0].clamp(0, 1).numpy() - sharp) ** 2)))


def gains(face: np.ndarray, kernel: np.ndarray, **options: object) -> tuple[float, float, float]:
    """PSNR of the blurred grey image, 8 bits, of its restoration by the estimated kernel, and by the true one, dB."""
    blurred, sharp = framed(face, kernel)
    seen = as_tensor(np.round(blurred * 255).clip(0, 255) / 255)
    true = torch.from_numpy(np.pad(kernel, 25 - kernel.shape[0] // 2)[None])
    found = estimate_kernel(seen, as_tensor(sharp), **options)
    return tuple(psnr(image, sharp) for image in (seen, wiener(seen, found), wiener(seen, true)))


@pytest.fixture(scope="module")
def kernels() -> list[np.ndarray]:
    """The eight of Lin's test set."""
    law = load_recipe("lin2020")[0].kernels.model
    return [kernel for size in (21, 31, 41, 51) for kernel in law.draw(0, size, 2)]


def test_with_a_perfect_sketch_a_portrait_is_restored_as_by_the_true_kernel(
    face: np.ndarray, kernels: list[np.ndarray]
) -> None:
    blurred, restored, true = np.mean([gains(face, kernel) for kernel in kernels], 0)
    assert restored > true - 0.5
    assert restored > blurred + 4


def test_where_the_photograph_is_soft_the_printed_weight_is_none(face: np.ndarray, kernels: list[np.ndarray]) -> None:
    soft = ndimage.gaussian_filter(face, 2.5)
    blurred, restored, true = np.mean([gains(soft, kernel) for kernel in kernels[1::2]], 0)
    assert restored > true - 0.5
    assert np.mean([gains(soft, kernel, beta=0.01, scale="absolute") for kernel in kernels[1::2]], 0)[1] < blurred


def test_with_perfect_sketches_twelve_faces_are_restored_as_by_the_true_kernels(
    shared_data: Path, kernels: list[np.ndarray]
) -> None:
    folders = {"london": 1.0, "lfw": 1.5, "celeba_samples_umsn": 1.75}
    found = {}
    for name, times in folders.items():
        photos = sorted(path for path in (shared_data / name).rglob("*") if path.suffix in (".jpg", ".png"))[:4]
        assert len(photos) == 4
        for number, path in enumerate(photos):
            grey_one = ndimage.zoom(read_photo(path).pixels @ LUMA / 255, times, order=3).clip(0, 1)
            top, left = ((side - wanted) // 2 for side, wanted in zip(grey_one.shape, (292, 252), strict=True))
            found[str(path)] = gains(grey_one[top : top + 292, left : left + 252], kernels[2 * number + 1])
    assert len(found) == 12
    _, restored, true = np.mean(list(found.values()), 0)
    assert restored > true - 0.5
    for name, (blurred, restored, true) in found.items():
        assert restored > true - 1, (name, blurred, restored, true)
        assert restored > blurred + 2, name


def test_kernels_of_real_faces_and_real_motion_are_found(shared_data: Path) -> None:
    faces = [
        *sorted((shared_data / "portraits_cc0").rglob("*.*g"))[:2],
        *sorted((shared_data / "lfw").rglob("*.*g"))[:2],
    ]
    with np.load(shared_data / "kernels" / "levin09_8kernels.npz") as bank:
        kernels = [bank[name] for name in ("k0", "k3", "k5", "k7")]
    assert len(faces) == 4
    for path, kernel in zip(faces, kernels, strict=True):
        blurred, sharp = framed(read_photo(path).pixels @ LUMA / 255, kernel)
        found = estimate_kernel(as_tensor(blurred), as_tensor(sharp), border="taper")[0].numpy()
        assert correlation(found, np.pad(kernel, 25 - kernel.shape[0] // 2)) > 0.9, path.name


@pytest.mark.parametrize("shape", [(24, 30), (25, 31)])
@pytest.mark.parametrize(("scale", "space"), [("relative", "gradient"), ("absolute", "gradient"),
                                              ("relative", "intensity")])  # fmt: skip
def test_kernel_is_equation_9(shape: tuple[int, int], scale: str, space: str) -> None:
    rng = np.random.default_rng(1)
    blurred, sketch = rng.random((2, *shape))
    options = {"beta": 0.3, "scale": scale, "space": space}
    found = estimate_kernel(as_tensor(blurred), as_tensor(sketch), size=11, border="circular", **options)[0].numpy()
    np.testing.assert_allclose(found, literal_kernel(blurred, sketch, 11, **options), atol=1e-9)


def test_relative_weight_knows_neither_contrast_nor_size() -> None:
    rng = np.random.default_rng(5)
    sharp = ndimage.gaussian_filter(rng.random((60, 60)), 2)
    seen = as_tensor(ndimage.convolve(sharp, bent_kernel(15), mode="wrap"))
    found = estimate_kernel(seen, as_tensor(sharp), size=15)
    torch.testing.assert_close(estimate_kernel(seen, as_tensor(0.1 * sharp + 0.4), size=15), found)
    literal = {"size": 15, "beta": 0.01, "scale": "absolute"}
    fainter = estimate_kernel(seen, as_tensor(0.1 * sharp + 0.4), **literal)
    assert float((fainter - estimate_kernel(seen, as_tensor(sharp), **literal)).abs().max()) > 0.01


def test_kernel_is_not_negative_sums_to_one_and_is_each_images_own() -> None:
    blurred, sketch = torch.rand(2, 3, 1, 40, 36, generator=torch.Generator().manual_seed(0))
    found = estimate_kernel(blurred, sketch, size=15)
    assert float(found.min()) == 0
    assert all(float(one[one > 0].min() / one.max()) >= 0.05 for one in found)
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(3))
    torch.testing.assert_close(found[1:2], estimate_kernel(blurred[1:2], sketch[1:2], size=15))


def test_flat_images_give_a_delta_and_finite_gradients() -> None:
    sketch = torch.full((1, 1, 20, 20), 0.5, requires_grad=True)
    found = estimate_kernel(torch.full((1, 1, 20, 20), 0.3), sketch, size=5)
    expected = torch.zeros(1, 5, 5)
    expected[0, 2, 2] = 1
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    assert sketch.grad is not None
    assert torch.isfinite(sketch.grad).all()


@pytest.mark.parametrize(("shape", "size"), [((37, 52), 13), ((64, 50), 27)])
def test_wiener_is_the_formula(shape: tuple[int, int], size: int) -> None:
    rng = np.random.default_rng(2)
    kernels = [bent_kernel(size), bent_kernel(size).T]
    images = rng.random((2, 3, *shape))
    found = wiener(torch.from_numpy(images), torch.from_numpy(np.stack(kernels))).numpy()
    for image, kernel, ours in zip(images, kernels, found, strict=True):
        for channel in range(3):
            np.testing.assert_allclose(ours[channel], literal_wiener(image[channel], kernel, 0.01, 3), atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wiener_is_the_classical_method(face: np.ndarray, dtype: torch.dtype) -> None:
    kernel = bent_kernel(51)
    image = np.repeat(signal.convolve(face, kernel, mode="valid")[..., None], 3, 2) * np.array([1, 0.8, 0.5])
    expected = Wiener(gamma=0.01).restore(image[None].astype(np.float32), [kernel])[0]
    tensor = torch.from_numpy(image.transpose(2, 0, 1)[None]).to(dtype)
    found = wiener(tensor, torch.from_numpy(kernel[None]).to(dtype))[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_estimated_kernel_restores_a_portrait(face: np.ndarray) -> None:
    """The chain as the network runs it, fed with the sharp image for a sketch: 6 dB above the blurred one."""
    kernel = bent_kernel(27)
    blurred, sharp = framed(face, kernel)
    found = estimate_kernel(as_tensor(blurred), as_tensor(sharp))
    restored = wiener(as_tensor(blurred), found)[0, 0].numpy()
    assert np.mean((restored - sharp) ** 2) < np.mean((blurred - sharp) ** 2) / 4


def test_taper_weight_is_one_inside_and_none_at_the_border() -> None:
    weight = taper_weight(torch.from_numpy(bent_kernel(9)[None]), [40, 30])[0]
    torch.testing.assert_close(weight[9:-9, 9:-9], torch.ones(22, 12, dtype=torch.float64))
    for edge in (weight[0], weight[-1], weight[:, 0], weight[:, -1]):
        torch.testing.assert_close(edge, torch.zeros_like(edge), atol=1e-12, rtol=0)


@pytest.mark.parametrize("border", ["circular", "taper"])
def test_gradients_of_kernel_and_wiener_are_the_numerical_ones(border: str) -> None:
    """From sketch and blurred image through eq. 9, clamping, normalisation, tapering and eq. 11."""
    drawn = torch.Generator().manual_seed(3)
    blurred = torch.rand(2, 1, 9, 8, generator=drawn, dtype=torch.float64, requires_grad=True)
    sketch = torch.rand(2, 1, 9, 8, generator=drawn, dtype=torch.float64, requires_grad=True)

    def chain(y: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return wiener(y, estimate_kernel(y, s, size=5, beta=0.1, border=border), gamma=0.05)

    assert torch.autograd.gradcheck(chain, (blurred, sketch))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_32_bits(dtype: torch.dtype) -> None:
    blurred, sketch = torch.rand(2, 1, 1, 24, 24, generator=torch.Generator().manual_seed(4)).to(dtype)
    kernel = estimate_kernel(blurred, sketch, size=7)
    assert kernel.dtype == torch.float32
    assert wiener(blurred, kernel.to(dtype)).dtype == torch.float32


def test_grey_is_luma() -> None:
    images = torch.tensor([1.0, 0.5, 0.25])[None, :, None, None].expand(1, 3, 2, 2)
    torch.testing.assert_close(grey(images), torch.full((1, 1, 2, 2), 0.299 + 0.2935 + 0.0285))


def test_quick_sizes_are_scipys() -> None:
    assert [quick_size(side) for side in range(1, 700)] == [
        fft.next_fast_len(side, real=True) for side in range(1, 700)
    ]


def test_unusable_input_is_refused() -> None:
    image = torch.rand(1, 1, 20, 24)
    for size in (8, 21, 0):
        with pytest.raises(InputError, match="an odd number of pixels, 20 at most"):
            estimate_kernel(image, image, size=size)
    with pytest.raises(InputError, match="one shape"):
        estimate_kernel(image, image[..., 1:], size=5)
    with pytest.raises(InputError, match="one shape"):
        estimate_kernel(image.expand(1, 3, 20, 24), image.expand(1, 3, 20, 24), size=5)
    with pytest.raises(InputError, match="beta"):
        estimate_kernel(image, image, size=5, beta=0.0)
    with pytest.raises(InputError, match="circular, taper"):
        estimate_kernel(image, image, size=5, border="mirror")
    with pytest.raises(InputError, match="relative, absolute"):
        estimate_kernel(image, image, size=5, scale="log")
    with pytest.raises(InputError, match="gradient, intensity"):
        estimate_kernel(image, image, size=5, space="colour")
    for kernels in (torch.ones(2, 3, 3), torch.ones(1, 4, 4), torch.ones(1, 3, 5), torch.ones(3, 3)):
        with pytest.raises(InputError, match="odd k"):
            wiener(image, kernels)
    with pytest.raises(InputError, match="gamma"):
        wiener(image, torch.ones(1, 3, 3) / 9, gamma=-1.0)
