"""What a test set and a training set share and must not: identities, photographs, kernels."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facedeblur.benchmark.kernel_bank import Bank
from facedeblur.benchmark.kernel_match import same_kernels
from facedeblur.benchmark.parallel import imap
from facedeblur.benchmark.photo_hash import Print, matches, print_of
from facedeblur.benchmark.sets import Image, Pair, Set, open_set

KINDS = ("identity", "photograph", "kernel")
_CHUNK = 64


@dataclass(frozen=True)
class Leak:
    """One thing that stands on both sides.

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


def leaks(
    train_set: str | Path | Set,
    test_set: str | Path | Set,
    *,
    names: bool = True,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Leak]:
    """Find what of a test set also stands in a training set.

    Parameters
    ----------
    train_set, test_set : path or Set
        Finished sets. Of a set whose photographs have roles, the training set gives those for
        training and the test set all others; where none has such a role, all.
    names : bool
        Compare names of identities. Two collections may number different people alike; switch it
        off where they do.
    jobs : int
        Number of workers that read photographs.
    progress : callable, optional
        Called with (photographs read, photographs in all).

    Returns
    -------
    list of Leak
        Identities by name (case, accents' encoding and punctuation do not count), photographs by
        pixels or perceptual hash (`photo_hash`), each of the test set once with the likest of the
        training set, kernels by correlation (`kernel_match`).

    Raises
    ------
    InputError
        When there is no finished set.
    """
    train = train_set if isinstance(train_set, Set) else Set.open(train_set)
    test = test_set if isinstance(test_set, Set) else Set.open(test_set)
    for_train = _usable(train, lambda role: role == "train")
    for_test = _usable(test, lambda role: role != "train")
    found = list(_identities(for_train, for_test)) if names else []
    total = len(for_train) + len(for_test)
    prints_train = _prints(train, for_train, jobs=jobs, done=0, total=total, progress=progress)
    prints_test = _prints(test, for_test, jobs=jobs, done=len(for_train), total=total, progress=progress)
    found += _photographs(for_train, prints_train, for_test, prints_test)
    if train.bank is not None and test.bank is not None:
        found += kernel_leaks(train.bank, test.bank)
    return found


def overlaps(opened: Set, first: Sequence[str], second: Sequence[str], *, jobs: int = 1) -> list[Leak]:
    """Find what stands under two groups of roles in one set.

    Parameters
    ----------
    opened : Set
    first, second : sequence of str
        Roles, e.g. ``["train"]`` and ``["test", "probe", "gallery"]``.
    jobs : int
        Number of workers that read photographs.

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
    prints = [_prints(opened, images, jobs=jobs) for images in (ones, others)]
    return [*found, *_photographs(ones, prints[0], others, prints[1])]


def kernel_leaks(train: Bank, test: Bank) -> Iterator[Leak]:
    """Yield kernels of `test` that also stand in `train`."""
    for match in same_kernels(test, train):
        yield Leak("kernel", match.first, match.second, f"correlation {match.correlation:.4f}")


def plain_name(identity: str) -> str:
    """An identity's name without case, punctuation and the differences of Unicode's forms."""
    return "".join(char for char in unicodedata.normalize("NFKC", identity).casefold() if char.isalnum())


def _usable(opened: Set, wanted: Callable[[str], bool]) -> list[Image]:
    images = [image for image in opened.images.values() if image.ok]
    return [image for image in images if wanted(image.role)] or images


def _identities(train: Iterable[Image], test: Iterable[Image]) -> Iterator[Leak]:
    known = {plain_name(image.identity): image.identity for image in train if plain_name(image.identity)}
    shared = {image.identity: known[name] for image in test if (name := plain_name(image.identity)) in known}
    for name in sorted(shared):
        yield Leak("identity", name, shared[name], "the same name")


def _photographs(
    train: Sequence[Image], prints_train: Sequence[Print], test: Sequence[Image], prints_test: Sequence[Print]
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
    jobs: int,
    done: int = 0,
    total: int = 0,
    progress: Callable[[int, int], None] | None = None,
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
    for some in imap(_read, tasks, jobs=jobs if len(tasks) > 4 else 1):
        prints += some
        if progress is not None:
            progress(done + len(prints), total)
    return prints


def _read(task: tuple[Path, str, list[tuple[Image, Pair | None]]]) -> list[Print]:
    root, content_hash, images = task
    opened = open_set(root, content_hash)
    return [print_of(opened.sharp(image) if pair is None else opened.blurred(pair)) for image, pair in images]
