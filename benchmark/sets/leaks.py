"""What a test set and a training set must not share: identities, photographs, kernels.

Kernels are the same whatever their place in the array, scale or bit depth. Photographs are recognised by a perceptual
hash when they were compressed, resized, blurred a little or mirrored.

The hash is 64 signs of the lowest frequencies of a 32 x 32 grey thumbnail (two-dimensional discrete cosine transform,
the mean left out), as in Zauner, *Implementation and benchmarking of perceptual image hash functions*, 2010, with signs
for his comparison with the median, so that a mirrored photograph has the same hash but for the odd columns. Aligned
faces resemble each other, so a pair within `MAX_BITS` counts only when the thumbnails correlate too.

Measured on 2,991,028 pairs of different files: LFW as published (1,000) and aligned to 128 pixels (993), CelebAMask-HQ
at 256 pixels (2,000). 8 bits alone take 36 pairs for the same photograph, 31 of them wrongly (1.0e-5); 8 bits and a
correlation of 0.97 take 4, all of which are the same photograph by eye (false positives: 0, 95 % bound 1e-6). Found
again in 399 of 399: JPEG of quality 40, half and 1.7 times the size, noise of sigma 0.03, Gaussian blur of sigma 2,
brightness x 1.2, gamma 0.8, mirrored, 1 pixel shift at 128. Aligned again: 142 of 144 from a copy of half the size, 76
of 144 from a mirrored one. Mostly missed: another crop, a shift of 2 pixels at 128.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.parallel import HERE, Workers, imap
from facedeblur.benchmark.reporter import SILENT, Reporter, reporting
from facedeblur.benchmark.sets.set import Image, Pair, Set, SetLike, open_set

_CHUNK = 64


@dataclass(frozen=True)
class Leak:
    """One thing that is on both sides.

    Attributes
    ----------
    kind : str
        ``identity``, ``photograph`` or ``kernel``.
    test, train : str
        Its name on each side.
    detail : str
        How it was recognised.
    """

    kind: str
    test: str
    train: str
    detail: str


class Face(Protocol):
    """A sharp face of a set or of a training, by its name; ``sha256`` is that of its pixels, where known."""

    @property
    def image_id(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def sha256(self) -> str: ...


def leaks(
    train_set: SetLike,
    test_set: SetLike,
    *,
    names: bool = True,
    workers: Workers | int = HERE,
    progress: Reporter | bool | None = None,
) -> list[Leak]:
    """Find identities, photographs and kernels of a test set that are also in a training set.

    Parameters
    ----------
    train_set, test_set : Set or path
        Finished sets. Of a set whose photographs have roles, the training set gives those for
        training and the test set all others; all if no photograph has such a role.
    names : bool
        Compare names of identities; False where two collections use the same names for different people.
    workers : Workers or int
        Where photographs are read.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    list of Leak
        Identities by name (case, accents' encoding and punctuation do not count), photographs by
        pixels or perceptual hash (`print_of`), each of the test set once with the most similar of the
        training set, kernels by correlation (`same_kernels`).

    Raises
    ------
    InputError
        When there is no finished set.
    """
    train, test = Set.open(train_set), Set.open(test_set)
    for_train = _usable(train, lambda role: role == "train")
    for_test = _usable(test, lambda role: role != "train")
    found = list(_identities(for_train, for_test)) if names else []
    total = len(for_train) + len(for_test)
    with reporting(progress) as reporter:
        prints_train = _prints(train, for_train, workers=workers, done=0, total=total, reporter=reporter)
        prints_test = _prints(test, for_test, workers=workers, done=len(for_train), total=total, reporter=reporter)
    found += _photographs(for_train, prints_train, for_test, prints_test)
    if train.bank is not None and test.bank is not None:
        found += kernel_leaks(train.bank, test.bank)
    return found


def face_leaks(
    train: Sequence[Face], read: Callable[[int], np.ndarray], test_set: SetLike, *, workers: Workers | int = HERE
) -> list[Leak]:
    """Find identities and photographs of a test set that are also among faces that are trained on.

    Parameters
    ----------
    train : sequence of Face
    read : callable
        Number of such a face -> its pixels, (H, W, 3) uint8 RGB.
    test_set : Set or path
        A finished set; of photographs with roles all but those for training count.
    workers : Workers or int
        Where the photographs of the set are read.

    Returns
    -------
    list of Leak
        As of `leaks`, but names of identities are compared only where one is that of several photographs:
        otherwise they are mere file names.

    Raises
    ------
    InputError
        When there is no finished set, or a photograph cannot be read.
    """
    test = Set.open(test_set)
    images = _usable(test, lambda role: role != "train")
    several = any(len({one.identity for one in side if one.identity}) < sum(bool(one.identity) for one in side)
                  for side in (train, images))  # fmt: skip
    prints = [print_of(read(number)) for number in range(len(train))]
    found = list(_identities(train, images)) if several else []
    return [*found, *_photographs(train, prints, images, _prints(test, images, workers=workers))]


def overlaps(opened: Set, first: Sequence[str], second: Sequence[str], *, workers: Workers | int = HERE) -> list[Leak]:
    """Find identities and photographs that have roles of two groups in one set.

    Parameters
    ----------
    opened : Set
    first, second : sequence of str
        Roles, e.g. ``["train"]`` and ``["test", "probe", "gallery"]``.
    workers : Workers or int
        Where photographs are read.

    Returns
    -------
    list of Leak
        Identities (only where `first` holds ``train``, for a probe and its gallery share theirs) and
        photographs; `Leak.train` is the one of `first`.
    """
    ones = [image for image in opened.images.values() if image.ok and image.role in first]
    others = [image for image in opened.images.values() if image.ok and image.role in second]
    if not ones or not others:
        return []
    found = list(_identities(ones, others)) if "train" in first else []
    prints = [_prints(opened, images, workers=workers) for images in (ones, others)]
    return [*found, *_photographs(ones, prints[0], others, prints[1])]


def kernel_leaks(train: Bank, test: Bank) -> Iterator[Leak]:
    """Yield kernels of `test` that are also in `train`."""
    for match in same_kernels(test, train):
        yield Leak("kernel", match.first, match.second, f"correlation {match.correlation:.4f}")


def plain_name(identity: str) -> str:
    """An identity's name without case, punctuation and the differences of Unicode's forms."""
    return "".join(char for char in unicodedata.normalize("NFKC", identity).casefold() if char.isalnum())


def _usable(opened: Set, wanted: Callable[[str], bool]) -> list[Image]:
    images = [image for image in opened.images.values() if image.ok]
    return [image for image in images if wanted(image.role)] or images


def _identities(train: Iterable[Face], test: Iterable[Face]) -> Iterator[Leak]:
    known = {plain_name(image.identity): image.identity for image in train if plain_name(image.identity)}
    shared = {image.identity: known[name] for image in test if (name := plain_name(image.identity)) in known}
    for name in sorted(shared):
        yield Leak("identity", name, shared[name], "the same name")


def _photographs(
    train: Sequence[Face], prints_train: Sequence[Print], test: Sequence[Face], prints_test: Sequence[Print]
) -> Iterator[Leak]:
    by_hash = {image.sha256: image.image_id for image in train if image.sha256}
    copies = {place: by_hash[image.sha256] for place, image in enumerate(test) if image.sha256 in by_hash}
    alike = {match.first: match for match in matches(prints_test, prints_train)}
    for place, image in enumerate(test):
        if place in copies:
            yield Leak("photograph", image.image_id, copies[place], "the same pixels")
        elif place in alike:
            match = alike[place]
            detail = (
                f"{match.bits} of 64 bits differ, correlation {match.correlation:.3f}" + ", mirrored" * match.mirrored
            )
            yield Leak("photograph", image.image_id, train[match.second].image_id, detail)


def _prints(
    opened: Set,
    images: Sequence[Image],
    *,
    workers: Workers | int,
    done: int = 0,
    total: int = 0,
    reporter: Reporter = SILENT,
) -> list[Print]:
    """Hashes of photographs: of the sharp one, or, where a set has none, of the blurred one."""
    pairs: dict[str, Pair] = {}
    if not opened.has_sharp:
        for pair in opened.pairs():
            pairs.setdefault(pair.image_id, pair)
    tasks = [
        (
            opened.root,
            opened.content_hash,
            [(image, pairs.get(image.image_id)) for image in images[at : at + _CHUNK]],
        )
        for at in range(0, len(images), _CHUNK)
    ]
    prints: list[Print] = []
    for some in imap(_read, tasks, workers if len(tasks) > 4 else HERE):
        prints += some
        reporter.progress("comparing", done + len(prints), total)
    return prints


def _read(task: tuple[Path, str, list[tuple[Image, Pair | None]]]) -> list[Print]:
    root, content_hash, images = task
    opened = open_set(root, content_hash)
    return [print_of(opened.sharp(image) if pair is None else opened.blurred(pair)) for image, pair in images]


MIN_KERNEL_CORRELATION = 0.98
"""Kernels of the standard model drawn apart reach 0.91 (sizes 13 to 51, 20,000 pairs each); 8-bit copies 0.9999."""

_KERNELS_A_CHUNK = 256


@dataclass(frozen=True)
class KernelMatch:
    """Two kernels that are the same: their names and the greatest correlation over all shifts."""

    first: str
    second: str
    correlation: float


def same_kernels(
    first: Bank, second: Bank, *, min_correlation: float = MIN_KERNEL_CORRELATION
) -> Iterator[KernelMatch]:
    """Yield, for each kernel of `first`, the most similar one of `second` if it is the same.

    Compared is the correlation of the kernels over their norms (values are not centred, since
    most of a kernel is zero), the largest over all shifts by whole pixels. The magnitudes of two
    spectra bound it, which spares nearly every pair the inverse transform. A kernel of a single
    pixel, no blur, is the same as nothing.

    Parameters
    ----------
    first, second : Bank
    min_correlation : float
        In (0, 1].
    """
    from scipy.fft import irfft2, next_fast_len

    side = next_fast_len(first.kernels.shape[1] + second.kernels.shape[1] - 1, real=True)
    ours, our_sizes = _spectra(first.kernels, side)
    best: dict[int, tuple[float, int]] = {}
    for start in range(0, len(second), _KERNELS_A_CHUNK):
        theirs, their_sizes = _spectra(second.kernels[start : start + _KERNELS_A_CHUNK], side)
        bound = our_sizes @ their_sizes.T
        for i, j in np.argwhere(bound >= min_correlation - 1e-5):
            correlation = float(irfft2(ours[i] * theirs[j].conj(), s=(side, side)).max())
            if correlation >= max(min_correlation, best[i][0] if i in best else 0.0):
                best[i] = correlation, start + int(j)
    for i in sorted(best):
        yield KernelMatch(first.ids[i], second.ids[best[i][1]], best[i][0])


def _spectra(kernels: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of kernels of norm 1 (zero for those of one pixel), and their magnitudes as rows of a matrix product."""
    from scipy.fft import rfft2

    norms = np.sqrt((kernels**2).sum(axis=(1, 2), keepdims=True))
    blurs = (np.count_nonzero(kernels, axis=(1, 2)) > 1)[:, None, None]
    spectra = rfft2((kernels / norms * blurs).astype(np.float32), s=(side, side))
    # Columns that represent two of the full spectrum count twice.
    weights = np.full(spectra.shape[2], 2.0)
    weights[0] = 1
    if side % 2 == 0:
        weights[-1] = 1
    sizes = (np.abs(spectra) * np.sqrt(weights) / side).reshape(len(kernels), -1).astype(np.float32)
    return spectra, sizes


SIDE = 32
MAX_BITS = 8
MIN_PHOTO_CORRELATION = 0.97

_LUMA = np.array([0.299, 0.587, 0.114])
# The 64 lowest frequencies (row, column) after the mean, by their sum.
_FREQUENCIES = sorted(((v, u) for v in range(SIDE) for u in range(SIDE)), key=lambda f: (sum(f), f[0]))[1:65]
_ROWS, _COLUMNS = (np.array(axis) for axis in zip(*_FREQUENCIES, strict=True))
_MIRRORED = np.where(_COLUMNS % 2 == 1, -1.0, 1.0).astype(np.float32)
_PHOTOS_A_CHUNK = 2048


@dataclass(frozen=True)
class Print:
    """What is kept of a photograph.

    Attributes
    ----------
    signs : (64,) int8
        +1 or -1, the hash.
    thumbnail : (32, 32) float32
        Grey, mean 0, norm 1 (all zero for a photograph without structure).
    """

    signs: np.ndarray
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Match:
    """Two photographs that are the same: their places, differing bits, correlation, and whether one is mirrored."""

    first: int
    second: int
    bits: int
    correlation: float
    mirrored: bool


def print_of(pixels: np.ndarray) -> Print:
    """Hash and thumbnail of a photograph.

    Parameters
    ----------
    pixels : (H, W, 3) uint8 RGB
    """
    import cv2
    from scipy.fft import dctn

    grey = cv2.resize(pixels.astype(np.float64) @ _LUMA, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    spectrum = dctn(grey, norm="ortho")[_ROWS, _COLUMNS]
    grey -= grey.mean()
    norm = float(np.linalg.norm(grey))
    # Under one grey level of contrast there is nothing to compare.
    thumbnail = grey / norm if norm > SIDE else np.zeros_like(grey)
    return Print(np.where(spectrum > 0, 1, -1).astype(np.int8), thumbnail.astype(np.float32))


def matches(
    first: Sequence[Print],
    second: Sequence[Print],
    *,
    max_bits: int = MAX_BITS,
    min_correlation: float = MIN_PHOTO_CORRELATION,
) -> Iterator[Match]:
    """Yield, for each of `first`, the most similar photograph of `second` if it is the same.

    Parameters
    ----------
    first, second : sequence of Print
    max_bits : int
        Most bits of the hash that may differ, of 64.
    min_correlation : float
        Least correlation of the thumbnails, one of them mirrored where the hash is.
    """
    if not first or not second:
        return
    others = np.array([other.signs for other in second], np.float32)
    for start in range(0, len(first), _PHOTOS_A_CHUNK):
        signs = np.array([one.signs for one in first[start : start + _PHOTOS_A_CHUNK]], np.float32)
        best: dict[int, Match] = {}
        for mirrored in (False, True):
            # A dot product of signs is 64 less twice the differing bits; one matrix product counts them all.
            differing = (64 - (signs * _MIRRORED if mirrored else signs) @ others.T) / 2
            for i, j in np.argwhere(differing <= max_bits):
                thumbnail = first[start + i].thumbnail
                correlation = float(np.vdot(thumbnail[:, ::-1] if mirrored else thumbnail, second[j].thumbnail))
                if correlation >= max(min_correlation, best[i].correlation if i in best else -1.0):
                    best[i] = Match(start + int(i), int(j), int(differing[i, j]), correlation, mirrored)
        yield from (best[i] for i in sorted(best))
