"""Layouts of published pairs: which blurred image belongs to which sharp one, and which layout a folder has.

``open_listing("gopro:FOLDER")`` reads a folder as GoPro; ``open_listing("FOLDER")`` recognises the layout. Other
packages add layouts through the entry-point group ``facedeblur.layouts``: classes like `Layout`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import Photo, read_photo
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.registry import Registry
from facedeblur.generators.photos.collection import NOT_STATED
from facedeblur.generators.photos.files import composed, photographs_in
from facedeblur.generators.photos.identities import by_rule
from facedeblur.generators.photos.specs import Selection, Wanted

NO_SHARP, NO_BLURRED = "no sharp image", "no blurred image"
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "valid": "test",
         "validation": "test"}  # fmt: skip
"""Role by the name of a folder."""
_SIDE = re.compile(
    r"(?:(?P<rest>.+)_)?(?:blur|blurred|blurry|blur_gamma|sharp|gt|ground_?truth|input|target|lq|rgb)(?:_crops)?(?:\.lmdb)?",
    re.IGNORECASE,
)
"""A folder that says on which side its images are; what else it says is part of their names."""


@dataclass(frozen=True)
class Couple:
    """A blurred image with its sharp one.

    Attributes
    ----------
    blurred : str
        Path relative to the root, forward slashes.
    sharp : tuple of str
        Paths of the sharp image; several if the publisher gives several, of which the one nearest to the blurred image
        is taken.
    identity : str
        Whose face or which scene it shows.
    role : str
        ``train`` or ``test``.
    blur_kind : str
        See `facedeblur.benchmark.sets.set.Pair`.
    kernel : str
        Name of the kernel; empty if there is no single one.
    kernel_size : int
        Its side in pixels as the publisher states it; 0 if it is not known.
    gamma : float
        Exponent of the linearisation before the blur, see `Pair`.
    border : str
        What was beyond the edge, see `Pair`; empty if it is not known.
    pair_id : str
        Name of the pair; empty for that of the blurred image.
    """

    blurred: str
    sharp: tuple[str, ...]
    identity: str
    role: str = "test"
    blur_kind: str = "real"
    kernel: str = ""
    kernel_size: int = 0
    gamma: float = 1.0
    border: str = ""
    pair_id: str = ""


@dataclass(frozen=True)
class Lone:
    """An image without a partner, and why: ``no sharp image`` or ``no blurred image``."""

    source: str
    status: str


@dataclass(frozen=True)
class Listing:
    """What a folder holds, read as one layout.

    Attributes
    ----------
    couples : tuple of Couple
        In the order of the set: all pairs of a sharp image follow one another.
    lone : tuple of Lone
    others : tuple of str
        Image files that are neither blurred nor sharp images of this layout.
    """

    couples: tuple[Couple, ...]
    lone: tuple[Lone, ...] = ()
    others: tuple[str, ...] = ()


class Layout(Protocol):
    """How published pairs are laid out; a class that is never instantiated.

    Its docstring is what ``facedeblur list layouts`` shows.

    Attributes
    ----------
    licence : str
        As its publisher states it.
    shape : str
        The layout in one line, with capitals for what differs between folders.
    notes : dict of str to str
        Assumptions for ``set.json``, by what they are about.
    complete : bool
        True for a set that is used as a whole or not at all.
    recognised : bool
        False for a layout that has to be named.
    """

    licence: ClassVar[str] = NOT_STATED
    shape: ClassVar[str]
    notes: ClassVar[Mapping[str, str]] = {}
    complete: ClassVar[bool] = False
    recognised: ClassVar[bool] = True

    @classmethod
    def read(cls, root: Path, sources: Sequence[str]) -> Listing:
        """Pair the images among `sources`, paths of files below `root`; no image is opened."""
        ...

    @classmethod
    def photo(cls, root: Path, source: str) -> Photo:
        """Read one image."""
        return read_photo(inside(root, source, links=True))

    @classmethod
    def bank(cls, root: Path, couples: Sequence[Couple], photo: Callable[[str], np.ndarray]) -> Bank | None:
        """The measured kernels, where the publisher gives them."""
        return None


# In the order in which one is taken of several that read a folder alike.
_KNOWN = {
    "levin2009": "levin:Levin2009",
    "kohler2012": "names:Kohler2012",
    "lai2016": "names:Lai2016",
    "shen": "names:Shen",
    "realblur": "folders:RealBlur",
    "plain": "folders:Plain",
    "gopro": "folders:GoPro",
    "gopro-gamma": "folders:GoProGamma",
    "reds": "folders:REDS",
    "bsd": "folders:BSD",
    "hide": "folders:HIDE",
    "ren2019": "folders:Ren2019",
    "input-target": "folders:InputTarget",
    "basicsr": "folders:BasicSR",
    "lmdb": "databases:LMDB",
    "list": "lists:PairList",
}
LAYOUTS: Registry[type[Layout]] = Registry("layout", group="facedeblur.layouts")
for _name, _place in _KNOWN.items():
    LAYOUTS.add(_name, f"facedeblur.generators.given.{_place}")


@dataclass(frozen=True)
class Opened:
    """A folder of pairs with its layout."""

    name: str
    layout: type[Layout]
    root: Path
    listing: Listing

    @property
    def title(self) -> str:
        """Name of the folder, or of the list."""
        place = self.root.resolve()
        return place.stem if self.root.is_file() else place.name


def open_listing(want: Wanted, selection: Selection = Selection()) -> Opened:
    """List the pairs of a folder.

    Parameters
    ----------
    want : Wanted
        Name of a layout, or ``auto`` to recognise it, and the folder; for the layout ``list`` a file.
    selection : Selection
        Which pairs are taken: by a pattern of the blurred image's name, by role, or the first ones.

    Raises
    ------
    InputError
        When there is no such folder or no pair in it, its layout cannot be told, or the selection leaves nothing.
    """
    root = want.root
    if want.name != "auto":
        LAYOUTS.get(want.name)
    if not root.exists():
        raise MissingFile(root, expected="a folder of blurred and sharp images", do="check the path")
    sources = [] if root.is_file() else photographs_in(root)
    name = "list" if want.name == "auto" and root.is_file() else want.name
    name, listing = (name, _read(name, root, sources)) if name != "auto" else detect(root, sources)
    if not listing.couples:
        shape, found = LAYOUTS.get(name).shape, _counted(listing)
        raise InputError(
            str(root), expected=f"pairs as in {shape}", found=found, do="give another folder, or name its layout: "
            f"--faces LAYOUT:{root} (facedeblur list layouts)",
        )  # fmt: skip
    listing = _selected(name, listing, want, selection)
    return Opened(name, LAYOUTS.get(name), root, _identified(listing, selection.identity, str(root)))


def detect(root: Path, sources: Sequence[str]) -> tuple[str, Listing]:
    """The layout of a folder that was not named, if there is no doubt.

    Raises
    ------
    InputError
        When no layout fits, or several do that pair the images differently.
    """
    found, halves = dict[str, Listing](), dict[str, Listing]()
    others = [name for name in LAYOUTS if name not in _KNOWN]
    for name in (*others, *_KNOWN):
        if LAYOUTS.get(name).recognised:
            listing = _read(name, root, sources)
            if listing.couples:
                found[name] = listing
            elif listing.lone:
                halves[name] = listing
    if not found:
        half = "".join(f"; as {name}: {_counted(listing)}" for name, listing in halves.items())
        raise InputError(
            str(root), f"no known layout of pairs fits its {len(sources):,} images ({', '.join(LAYOUTS)}){half}",
            do="see facedeblur list layouts, or list the pairs in a CSV file with the columns blurred and sharp",
        )  # fmt: skip
    ways = {frozenset((one.blurred, one.sharp) for one in listing.couples) for listing in found.values()}
    if len(ways) > 1:
        told = " or ".join(f"{name} ({len(listing.couples):,} pairs)" for name, listing in found.items())
        raise InputError(str(root), f"its layout may be {told}", do=f"name one: --faces {next(iter(found))}:{root}")
    return next(iter(found.items()))


def _read(name: str, root: Path, sources: Sequence[str]) -> Listing:
    return LAYOUTS.get(name).read(root, sources)


_WITH = {NO_SHARP: "without a sharp image", NO_BLURRED: "without a blurred image"}


def _counted(listing: Listing) -> str:
    first: dict[str, str] = {}
    for one in listing.lone:
        first.setdefault(one.status, one.source)
    counts = Counter(one.status for one in listing.lone)
    told = [f"{count:,} {_WITH.get(status, status)} ({first[status]})" for status, count in counts.items()]
    told += [f"{len(listing.others):,} other images ({listing.others[0]})"] if listing.others else []
    return "no pair: " + ", ".join(told) if told else "no image"


def _selected(name: str, listing: Listing, want: Wanted, selection: Selection) -> Listing:
    """The listing with the pairs that are wanted; images without a partner that the selection leaves out go as well."""
    if want.number is not None or want.share is not None or selection.people is not None or selection.listed:
        raise InputError(
            f"pairs of {want.root}", "are chosen by role, name or number alone",
            do="use --match, --role or --limit, or list the pairs in a CSV file",
        )  # fmt: skip
    roles = (want.role,) if want.role else selection.roles
    if LAYOUTS.get(name).complete and not (selection.everything and want.everything):
        raise InputError(
            f"layout '{name}'", "needs all images of the set, not a selection",
            do="leave out --match, --list, --role, --people and --limit",
        )  # fmt: skip

    def wanted(source: str, role: str) -> bool:
        path = source if "/" in selection.match else source.rpartition("/")[2]
        return (not roles or role in roles) and (not selection.match or fnmatchcase(path, selection.match))

    couples = tuple(one for one in listing.couples if wanted(one.blurred, one.role))[: selection.limit]
    if not couples:
        counts = Counter(one.role for one in listing.couples)
        found = ", ".join(f"{count:,} {role}" for role, count in sorted(counts.items()))
        raise InputError(str(want.root), "the selection leaves no pair", do=f"choose among the pairs there ({found})")
    lone = tuple(one for one in listing.lone if wanted(one.source, role_of(one.source)))
    return replace(listing, couples=couples, lone=lone if selection.limit is None else ())


def _identified(listing: Listing, rule: str, place: str) -> Listing:
    """The listing with identities by the user's rule, of the paths of the sharp images as `told`."""
    if not rule:
        return listing
    paths = [told(couple.sharp[0]) for couple in listing.couples]
    people = by_rule(paths, rule, place)
    couples = (replace(one, identity=people[path]) for one, path in zip(listing.couples, paths, strict=True))
    return replace(listing, couples=tuple(couples))


def role_of(source: str) -> str:
    """``train`` if a folder of the path says so, else ``test``."""
    folders = source.lower().split("/")[:-1]
    return next((PARTS[one] for one in folders if one in PARTS), "test")


@dataclass
class Pairing:
    """Pairs images by key: blurred and sharp ones are entered, then `listing` tells who belongs together.

    Parameters
    ----------
    couple : callable
        Makes the couple of a key from the blurred path and the sharp paths.
    several : bool
        Whether a blurred image may have several sharp ones.
    """

    couple: Callable[[str, str, tuple[str, ...]], Couple]
    several: bool = False
    blurred: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    sharp: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def enter_blurred(self, source: str, key: str, of: str | None = None) -> None:
        """Enter a blurred image under `key`; its sharp image has the key `of`, by default the same."""
        self.blurred.setdefault(key if of is None else of, []).append((key, source))

    def enter_sharp(self, source: str, key: str) -> None:
        """Enter a sharp image under `key`."""
        self.sharp.setdefault(key, []).append(source)

    def listing(self) -> Listing:
        """The couples, in order of the sharp images, and what has no partner.

        Raises
        ------
        InputError
            When two images of the same side have the same name.
        """
        couples, lone = list[Couple](), list[Lone]()
        for of, sharp in self.sharp.items():
            if len(sharp) > 1 and not self.several:
                raise _same_name(*sharp[:2])
            blurred = self.blurred.get(of, [])
            keys = dict[str, str]()
            for key, source in blurred:
                if key in keys:
                    raise _same_name(keys[key], source)
                keys[key] = source
                couples.append(self.couple(key, source, tuple(sharp)))
            lone += [Lone(source, NO_BLURRED) for source in sharp if not blurred]
        lone += [
            Lone(source, NO_SHARP) for of, some in self.blurred.items() if of not in self.sharp for _, source in some
        ]
        return Listing(tuple(couples), tuple(lone), tuple(self.others))


def _same_name(first: str, second: str) -> InputError:
    return InputError(f"'{first}' and '{second}' have the same name", do="remove one of them")


def stem_of(source: str) -> str:
    """Path without its suffix, in Unicode's normal form C."""
    place, slash, name = composed(source).rpartition("/")
    return place + slash + (name.rpartition(".")[0] or name)


def matched(pattern: re.Pattern[str], sources: Iterable[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the sources whose path without suffix is matched as a whole."""
    for source in sources:
        found = pattern.fullmatch(stem_of(source))
        if found:
            yield source, found


def told(source: str) -> str:
    """Path without the folders that say on which side the image is."""
    *folders, name = source.split("/")
    kept: list[str] = []
    for folder in folders:
        side = _SIDE.fullmatch(folder)
        kept += [folder] if not side else [side["rest"]] if side["rest"] else []
    return "/".join([*kept, name])
