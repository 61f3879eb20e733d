"""Makes a set from pairs that others made: their images as they are, with what their layout says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import Photo, pixel_hash, write_png
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.stores import write_stack
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import SILENT, Reporter
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.truths import FOLDER, Truth
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.words import many
from facedeblur.generators.given.layout import NO_BLURRED, Couple, Layout, Lone, Opened, role_of, stem_of, told
from facedeblur.generators.photos.files import image_ids

PACKAGES = ("facedeblur", "numpy", "scipy")
UNREADABLE, OTHER_SIZE = "unreadable", "sizes differ"


@dataclass(frozen=True)
class Group:
    """A sharp image, or several for the same blurred one, with all its blurred images."""

    layout: type[Layout]
    root: Path
    couples: tuple[Couple, ...]
    every_sharp: bool = False

    def photo(self, source: str) -> Photo:
        """Read one of the images."""
        return self.layout.photo(self.root, source)


@dataclass(frozen=True)
class Fault:
    """An image that cannot be used: its status, and the reason in words."""

    source: str
    status: str
    note: str = ""


@dataclass(frozen=True)
class Looked:
    """What a group holds.

    Attributes
    ----------
    sharp : str
        The sharp image that is taken.
    couples : tuple of (Couple, str)
        The pairs that can be used, each with the hash of its blurred pixels.
    faults : tuple of Fault
    width, height : int
        Size of the sharp image in pixels.
    sha256, note : str
        Hash of the sharp pixels, and how they were read.
    truths : tuple of (str, str)
        Every sharp image with the hash of its pixels, where all of several are kept.
    """

    sharp: str
    couples: tuple[tuple[Couple, str], ...]
    faults: tuple[Fault, ...]
    width: int = 0
    height: int = 0
    sha256: str = ""
    note: str = ""
    truths: tuple[tuple[str, str], ...] = ()


def given(
    opened: Opened,
    out: str | Path,
    *,
    record: Mapping[str, Any],
    seed: int = 0,
    store: str = "png",
    licence: str = "",
    every_sharp: bool = False,
    workers: Workers | int = ALL,
    reporter: Reporter = SILENT,
) -> Set:
    """Make a set from a folder of blurred images with their sharp ones.

    Nothing is blurred or aligned. What cannot be used is a row of ``images.csv`` with its reason: an image without a
    partner, one that cannot be read, a blurred image of another size than its sharp one.

    Parameters
    ----------
    opened : Opened
        The folder.
    out : path
        Folder of the set.
    record : mapping
        Name, title, recipe and assumptions for ``set.json``.
    seed : int
        For the record only: nothing is random.
    store : {'png', 'npy'}
    licence : str
        Licence to record; by default what is known of the layout.
    every_sharp : bool
        Keep every sharp image of photographs that have several, and not only the nearest one.
    workers : Workers or int
        Where to compute.
    reporter : Reporter
        Gets the progress, and what is not used of the folder.

    Returns
    -------
    Set

    Raises
    ------
    InputError
        When no pair is left, or something of a complete set cannot be used.
    """
    layout, listing = opened.layout, opened.listing
    groups, found = _groups(opened, every_sharp), list[Looked]()
    for one in imap(look, groups, workers):
        found.append(one)
        reporter.progress("reading", len(found), len(groups))
    faults = [fault for one in found for fault in one.faults]
    found = [one for one in found if one.couples]
    _check(opened, found, faults)
    if listing.others:
        reporter.say(
            f"{many(len(listing.others), 'image')} neither blurred nor sharp in layout '{opened.name}', such as "
            f"{listing.others[0]}"
        )
    names = dict(zip([one.sharp for one in found], _names([one.sharp for one in found]), strict=True))
    images = [_image(names[one.sharp], one) for one in found]
    images += _left_out([*faults, *listing.lone], {one.image_id.casefold() for one in images})

    def pixels(source: str) -> np.ndarray:
        return layout.photo(opened.root, source).pixels

    bank = layout.bank(opened.root, [couple for one in found for couple, _ in one.couples], pixels)
    info = {
        **record,
        "assumptions": [*record.get("assumptions", ()), *({"key": k, "text": v} for k, v in layout.notes.items())],
        "seed": seed,
        "sources": [
            {"folder": opened.root.resolve().name, "licence": licence or layout.licence, "collection": opened.name}
        ],
        "packages": {name: version(name) for name in PACKAGES},
    }
    writer = SetWriter(out, info, store=store)
    truths = {names[one.sharp]: _truths(names[one.sharp], one) for one in found}
    pairs = _pairs(found, names, seed, dict(zip(bank.ids, map(int, bank.sizes), strict=True)) if bank else {})
    done = set(
        writer.start(
            images,
            lambda image: pixels(image.source),
            bank,
            n_kernels={name: len(some) for name, some in pairs.items()},
            truths=[truth for some in truths.values() for truth in some],
        )
    )
    tasks = (
        CopyTask(layout, opened.root, _blurred(one), some, writer.work, store, truths[some[0].image_id])
        for one, some in zip(found, pairs.values(), strict=True)
        if some[0].image_id not in done
    )
    made, total = sum(len(pairs[name]) for name in done), sum(map(len, pairs.values()))
    for some in imap(copy_blurred, tasks, workers):
        writer.append(some)
        made += len(some)
        reporter.progress("copying", made, total)
    return writer.finish()


def _groups(opened: Opened, every_sharp: bool) -> list[Group]:
    together: dict[tuple[str, ...], list[Couple]] = {}
    for couple in opened.listing.couples:
        together.setdefault(couple.sharp, []).append(couple)
    return [Group(opened.layout, opened.root, tuple(some), every_sharp) for some in together.values()]


def look(group: Group) -> Looked:
    """Read all images of a group; of several sharp ones the one nearest to the blurred image is taken."""
    blurred, faults = dict[str, np.ndarray](), list[Fault]()
    for couple in group.couples:
        try:
            blurred[couple.blurred] = group.photo(couple.blurred).pixels
        except InputError as error:
            faults.append(Fault(couple.blurred, UNREADABLE, error.reason))
    best, sharp, source = np.inf, None, group.couples[0].sharp[0]
    several, truths = len(group.couples[0].sharp) > 1, list[tuple[str, str]]()
    for candidate in group.couples[0].sharp:
        try:
            photo = group.photo(candidate)
        except InputError as error:
            faults.append(Fault(candidate, UNREADABLE, error.reason))
            continue
        error_of = _distance(photo.pixels, [*blurred.values()]) if several else 0.0
        if group.every_sharp and several and np.isfinite(error_of):
            truths.append((candidate, pixel_hash(photo.pixels)))
        if sharp is None or error_of < best:
            best, sharp, source = error_of, photo, candidate
    if sharp is None:
        return Looked(source, (), tuple(faults))
    height, width = sharp.pixels.shape[:2]
    couples = list[tuple[Couple, str]]()
    for couple in group.couples:
        pixels = blurred.get(couple.blurred)
        if pixels is None:
            continue
        if pixels.shape != sharp.pixels.shape:
            note = f"{pixels.shape[1]}x{pixels.shape[0]} pixels, and the sharp image {source} has {width}x{height}"
            faults.append(Fault(couple.blurred, OTHER_SIZE, note))
        else:
            couples.append((couple, pixel_hash(pixels)))
    if not couples:
        faults.append(Fault(source, NO_BLURRED, "none of its blurred images can be used"))
    note = sharp.note
    if several:
        note = "; ".join(filter(None, [note, f"nearest of {len(group.couples[0].sharp)} sharp images"]))
    sha256 = pixel_hash(sharp.pixels)
    return Looked(source, tuple(couples), tuple(faults), width, height, sha256, note, tuple(truths))


def _distance(sharp: np.ndarray, blurred: Sequence[np.ndarray]) -> float:
    """Sum of squared errors in grey levels; infinite for another size."""
    if any(one.shape != sharp.shape for one in blurred):
        return float("inf")
    return float(sum(np.square(one.astype(np.float32) - sharp).sum(dtype=np.float64) for one in blurred))


def _check(opened: Opened, found: Sequence[Looked], faults: Sequence[Fault]) -> None:
    if faults and opened.layout.complete:
        raise InputError(
            f"{opened.root}/{faults[0].source}", faults[0].note or faults[0].status,
            do="copy or download the whole folder again",
        )  # fmt: skip
    if not found:
        counts = Counter(fault.status for fault in faults)
        reasons = ", ".join(f"{status} {count:,}" for status, count in counts.most_common())
        first = faults[0]
        raise InputError(
            str(opened.root), f"no pair can be used ({reasons}; {first.source}: {first.note or first.status})",
            do="give other images",
        )  # fmt: skip


def _names(sources: Sequence[str]) -> list[str]:
    """Names of images: those of their files if they differ, else with the folders that do not tell the side."""
    stems = [source.rpartition("/")[2] for source in sources]
    if len({stem_of(stem).casefold() for stem in stems}) == len(stems):
        return image_ids(stems)
    return image_ids([told(source) for source in sources])


def _image(name: str, found: Looked) -> Image:
    couple = found.couples[0][0]
    return Image(
        image_id=name, identity=couple.identity, role=couple.role, status="ok", n_faces=-1, source=found.sharp,
        transform="", coverage=1.0, margin=0, label="", width=found.width, height=found.height, sha256=found.sha256,
        note=found.note,
    )  # fmt: skip


def _blurred(found: Looked) -> tuple[str, ...]:
    return tuple(couple.blurred for couple, _ in found.couples)


def _truths(name: str, found: Looked) -> tuple[Truth, ...]:
    digits = len(str(len(found.truths)))
    return tuple(
        Truth(name, f"{FOLDER}/{name}/{number:0{digits}}.png", source, sha256)
        for number, (source, sha256) in enumerate(found.truths, 1)
    )


def _left_out(faults: Iterable[Fault | Lone], taken: set[str]) -> Iterator[Image]:
    """A row for every image that is not used; `taken` are the names of the others, with their case folded."""
    for fault in faults:
        (plain,) = image_ids([fault.source])
        name = next(one for one in (plain, *(f"{plain}-{n}" for n in range(1, len(taken) + 2))) if
                    one.casefold() not in taken)  # fmt: skip
        taken.add(name.casefold())
        yield Image(
            image_id=name, identity="", role=role_of(fault.source), status=fault.status, n_faces=-1,
            source=fault.source, transform="", coverage=0.0, margin=0, label="", width=0, height=0, sha256="",
            note=getattr(fault, "note", ""),
        )  # fmt: skip


def _pairs(
    found: Sequence[Looked], names: Mapping[str, str], seed: int, sizes: Mapping[str, int]
) -> dict[str, list[Pair]]:
    """The pairs of each sharp image, by its name; `sizes` are those of measured kernels."""
    files = iter(_names([couple.blurred for one in found for couple, _ in one.couples]))
    pairs: dict[str, list[Pair]] = {}
    index = 0
    for one in found:
        image = pairs.setdefault(names[one.sharp], [])
        for couple, sha256 in one.couples:
            file = next(files)
            image.append(
                Pair(
                    index=index, pair_id=couple.pair_id or file, image_id=names[one.sharp], kernel_id=couple.kernel,
                    kernel_size=sizes.get(couple.kernel, couple.kernel_size), blur_kind=couple.blur_kind,
                    border=couple.border, noise_sigma=0.0, gamma=couple.gamma, seed=seed,
                    sharp=f"sharp/{names[one.sharp]}.png", blur=f"blur/{file}.png", sha256=sha256,
                )
            )  # fmt: skip
            index += 1
    return pairs


@dataclass(frozen=True)
class CopyTask:
    """The blurred images of one sharp image, to be written into a set."""

    layout: type[Layout]
    root: Path
    sources: tuple[str, ...]
    pairs: Sequence[Pair]
    out: Path
    store: str
    truths: tuple[Truth, ...] = ()


def copy_blurred(task: CopyTask) -> Sequence[Pair]:
    """Write the blurred images of one sharp image, and all its sharp ones if they are kept; return their pairs."""
    for truth in task.truths:
        write_png(inside(task.out, truth.file), task.layout.photo(task.root, truth.source).pixels)
    stack = np.stack([task.layout.photo(task.root, source).pixels for source in task.sources])
    write_stack(task.out, [pair.blur for pair in task.pairs], task.pairs[0].index, stack, store=task.store)
    return task.pairs
