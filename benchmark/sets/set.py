"""A test set on disk: its records, and how it is read.

``SET/`` holds ``set.json`` (recipe, seed, versions, counts, content hash), ``images.csv`` (one
`Image` a sharp photograph, failed ones too), ``manifest.csv`` (one `Pair` a blurred image),
``kernels.npz`` and the pixels in ``sharp/`` and ``blur/`` (or ``sharp.npy`` and ``blur.npy``), and if its collection
says more of the faces than whose they are ``traits.csv`` (`facedeblur.benchmark.sets.traits`), if photographs have
several sharp images ``truths.csv`` and ``truths/`` (`facedeblur.benchmark.sets.truths`).
Hashes are of decoded pixels, so another encoder or store does not change them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from facedeblur.benchmark.config import parse_toml
from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import pixel_hash, read_label, read_png
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.paths import FileStem, OptionalPath, RelativePath, inside
from facedeblur.benchmark.files.schema import Count, Side, Text, read_description
from facedeblur.benchmark.files.stores import read_pixels
from facedeblur.benchmark.files.tables import read_rows
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.sets.traits import read_recorded
from facedeblur.benchmark.sets.truths import FILE as TRUTHS
from facedeblur.benchmark.sets.truths import NO_TRUTHS, Truth, read_truths
from facedeblur.benchmark.words import many

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1


class AlteredFile(InputError):
    """A file of a set that is sound, but not the one that the set was built with."""


@dataclass(frozen=True)
class Image:
    """One photograph of a set, or the reason why it is not in it.

    Attributes
    ----------
    image_id, identity, role : str
        Role is one of test, train, probe, gallery.
    status : str
        ``ok``, or why there is no sharp image: ``no face``, ``unreadable``, ...
    n_faces : int
        Faces the detector found; -1 where it did not run.
    source : str
        Path of the photograph, relative to the collection.
    transform : str
        Six numbers, row by row, of the 2x3 affine map from photograph to crop, in pixels (a similarity
        for most templates); empty where none.
    coverage : float
        Share of the crop that is inside the photograph.
    margin : int
        Pixels of true surrounding kept around the crop on each side.
    label : str
        Path of the label image in the set, empty where none.
    width, height : int
        Size of the sharp image in pixels.
    sha256 : str
        Hash of the sharp pixels.
    note : str
        What was converted or chosen on the way.
    label_sha256 : str
        Hash of the label pixels; empty where there is no label.
    """

    image_id: FileStem
    identity: str
    role: str
    status: str
    n_faces: int
    source: str
    transform: str
    coverage: float
    margin: int
    label: OptionalPath
    width: Side
    height: Side
    sha256: str
    note: str
    label_sha256: str = ""

    @property
    def ok(self) -> bool:
        """True for a photograph that is in the set."""
        return self.status == "ok"

    @property
    def blurred(self) -> bool:
        """True for one that has pairs; gallery images are only compared with."""
        return self.ok and self.role != "gallery"

    @property
    def sharp(self) -> str:
        """Path of the sharp image inside the set."""
        folder = f"gallery/{self.identity}" if self.role == "gallery" else "sharp"
        return f"{folder}/{self.image_id}.png"


@dataclass(frozen=True)
class Pair:
    """One blurred image of a set.

    Attributes
    ----------
    index : int
        Row of the manifest; with `seed` it alone determines the noise.
    pair_id, image_id, kernel_id : str
    kernel_size : int
        Side of the point spread function in pixels; 0 where there is no single one.
    blur_kind : str
        ``uniform``: one point spread function for the whole image; ``nonuniform``: camera poses;
        ``frames``: averaged video frames; ``real``: a blurred photograph, or blur of an unknown kind.
    border : str
        What was beyond the edge when the image was blurred: ``valid`` (the photograph itself),
        ``reflect``, ``replicate``, ``zero`` or ``circular``; ``frames`` for averaged frames, empty
        if it is not known, as for real blur.
    noise_sigma : float
        Standard deviation of the added Gaussian noise, in [0, 1] units.
    gamma : float
        Exponent of the linearisation before the blur; 1 means none, 0 a camera's response curve,
        which the set holds as ``response.csv``.
    seed : int
    sharp, blur : str
        Paths inside the set, forward slashes.
    sha256 : str
        Hash of the blurred pixels.
    """

    index: Count
    pair_id: FileStem
    image_id: FileStem
    kernel_id: str
    kernel_size: Side
    blur_kind: str
    border: str
    noise_sigma: float
    gamma: float
    seed: int
    sharp: OptionalPath
    blur: RelativePath
    sha256: str

    @property
    def name(self) -> str:
        """File name of the blurred image, which its restoration carries too."""
        return self.blur.rpartition("/")[2]


class Counts(msgspec.Struct):
    """How much a set holds."""

    photographs: Count
    images: Count
    identities: Count
    kernels: Count
    pairs: Count


class Source(msgspec.Struct):
    """Where photographs come from."""

    collection: str | None = None


class VideoSource(msgspec.Struct):
    """A video of a set of averaged frames, and how many of its windows became what."""

    video: str
    windows: dict[str, Count]
    note: str


class TraitsInfo(msgspec.Struct):
    """What ``set.json`` says of ``traits.csv``."""

    sha256: Text


class SetInfo(msgspec.Struct):
    """Schema of ``set.json``."""

    name: Text
    seed: int
    store: Literal["png", "npy"]
    counts: Counts
    content_hash: Text
    recipe: str = ""
    reference: bool = True
    sources: list[Source] = []
    packages: dict[str, str] = {}
    videos: list[VideoSource] = []
    rejected: dict[str, Count] = {}
    traits: TraitsInfo | None = None
    truths: Count = 0


class Set:
    """A finished set on disk; opened by `Set.open`, read image by image.

    Wherever a function takes the path of a set, it takes a `Set` as well.

    Attributes
    ----------
    root : Path
    info : dict
        Contents of ``set.json``.
    """

    def __init__(self, root: Path, info: dict[str, Any]):
        self.root, self.info = root, info

    def __fspath__(self) -> str:
        return str(self.root)

    def __repr__(self) -> str:
        return f"<Set {self.name}: {many(self.n_pairs, 'pair')}, in {self.root}>"

    def _repr_html_(self) -> str:
        counts, shown = self.info["counts"], []
        with suppress(InputError):  # a damaged picture is not shown
            for image, pairs in islice(self.by_image(), 3):
                shown += [(image.image_id, self.sharp(image))] if self.has_sharp else []
                shown.append((pairs[0].pair_id, self.blurred(pairs[0])))
        facts = {
            "pairs": f"{self.n_pairs:,}",
            "images": f"{counts['images']:,} of {many(counts['photographs'], 'photograph')}",
            "identities": f"{counts['identities']:,}",
            "kernels": f"{counts['kernels']:,}" if self.has_kernels else "",
            "content hash": self.content_hash[:12],
            "folder": self.root,
        }
        return card(f"Set {self.name}", facts, pictures=shown)

    @classmethod
    @checked
    def open(cls, path: SetLike, *, verify: bool = True) -> Set:
        """Open the set in folder `path`.

        Parameters
        ----------
        path : Set or path
        verify : bool
            Compare the tables and kernels with the content hash, once per process as long as the files stay the
            same; False where that has been done, or is done by the caller. Pixels are compared when they are read.

        Raises
        ------
        InputError
            When there is no set, only a half-built one, or one of another schema version, when its tables or kernels
            were changed after it was built, or when `path` is a `Set` whose folder has come to hold another one.

        Examples
        --------
        >>> import facedeblur as fd
        >>> made = fd.read_set("set/")
        >>> made
        <Set shen2020: 80 pairs, in set>
        >>> pair = next(made.pairs())
        >>> pair.pair_id, pair.kernel_size
        ('eileen_ker01_blur_k13', 13)
        >>> made.blurred(pair).shape
        (128, 128, 3)
        """
        root = Path(path)
        file = root / "set.json"
        if not file.is_file():
            half = building(root)
            if half.is_dir():
                raise InputError(str(root), f"the set is not finished ({half})", do="run the same build again")
            if root.exists():
                raise InputError(str(root), "not a set: it has no set.json", do="give the folder of a set")
            raise MissingFile(root, expected="a set", do="check the path, or build it first")
        opened = cls(root, read_description(file, SetInfo, "a set", version=SCHEMA, do="build the set again"))
        if isinstance(path, Set) and opened.content_hash != path.content_hash:
            raise InputError(
                f"{root} was replaced by another set after it was opened", do="open it again with read_set"
            )
        if verify:
            _verify(opened)
        return opened

    @property
    def name(self) -> str:
        return str(self.info["name"])

    @property
    def content_hash(self) -> str:
        return str(self.info["content_hash"])

    @property
    def store(self) -> str:
        return str(self.info["store"])

    @property
    def n_pairs(self) -> int:
        return int(self.info["counts"]["pairs"])

    @property
    def has_kernels(self) -> bool:
        """False for sets whose blur has no point spread function: averaged frames, real photographs."""
        return int(self.info["counts"]["kernels"]) > 0

    @property
    def has_sharp(self) -> bool:
        """False for real blurred photographs, whose sharp version is unknown."""
        return bool(self.info.get("reference", True))

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe that the set was built by, read; empty if it has none, or none that is TOML."""
        with suppress(InputError):
            return parse_toml(str(self.info.get("recipe", "")), "recipe")
        return {}

    @property
    def template(self) -> str:
        """Template by which its faces were aligned; ``none`` for images as they were, empty if it is not known."""
        tables = (self.recipe.get(name) for name in ("image", "frames"))
        found = (str(one["template"]) for one in tables if isinstance(one, dict) and "template" in one)
        return next(found, "")

    @cached_property
    def bank(self) -> Bank | None:
        """The point spread functions of the set; None where it has none."""
        return Bank.load(self.root / "kernels.npz") if self.has_kernels else None

    @cached_property
    def truths(self) -> dict[str, tuple[Truth, ...]]:
        """Every sharp image of the photographs that have several, by ``image_id``; see `truths_of`."""
        return read_truths(self.root) if self.info.get("truths") else {}

    @cached_property
    def images(self) -> dict[str, Image]:
        """Every photograph by ``image_id``, failed ones too, in order."""
        return {image.image_id: image for image in read_rows(self.root / "images.csv", Image)}

    @cached_property
    def traits(self) -> pd.DataFrame | None:
        """What the collection says of the faces besides identity and role; None if nothing.

        One row per photograph of which something is known, with ``image_id`` and a column for each trait: float64 with
        NaN, or text with None, where that trait is not known.

        Raises
        ------
        InputError
            When ``traits.csv`` is missing, or is not the one that the set was built with.
        """
        found = read_recorded(self.root, self.info.get("traits"))
        return found.to_frame() if found else None

    @cached_property
    def _sharp_rows(self) -> dict[str, int]:
        rows: dict[str, int] = {}
        for blurred in (True, False):
            some = (image for image in self.images.values() if image.ok and image.blurred == blurred)
            rows |= {image.image_id: row for row, image in enumerate(some)}
        return rows

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs in the order of the manifest, one at a time.

        Raises
        ------
        InputError
            When the manifest is damaged, or its rows are not those that ``set.json`` counts.
        """
        table, count = self.root / "manifest.csv", 0
        for pair in read_rows(table, Pair):
            if pair.index != count or count == self.n_pairs:
                found = "more" if count == self.n_pairs else f"{pair.index}"
                expected = f"{self.n_pairs:,} pairs" if count == self.n_pairs else f"index {count}"
                raise InputError(f"{table} row {count + 1}", expected=expected, found=found, do="build the set again")
            count += 1
            yield pair
        if count != self.n_pairs:
            raise InputError(
                str(table), expected=f"{self.n_pairs:,} pairs", found=f"{count:,}", do="build the set again"
            )

    def image_of(self, pair: Pair) -> Image:
        """The sharp image of a pair.

        Raises
        ------
        InputError
            When the table of images does not have it.
        """
        image = self.images.get(pair.image_id)
        if image is None or not image.ok:
            found = f"the status '{image.status}'" if image else "no such image"
            raise InputError(
                f"{self.root / 'images.csv'}, image '{pair.image_id}' of pair '{pair.pair_id}'",
                expected="the status 'ok'", found=found, do="build the set again",
            )  # fmt: skip
        return image

    def by_image(self, pairs: Iterable[Pair] | None = None) -> Iterator[tuple[Image, list[Pair]]]:
        """Yield each sharp image with all its pairs; only one image's pairs are in memory.

        `pairs` are those of the set, where they are being read anyway.
        """
        for _, some in groupby(self.pairs() if pairs is None else pairs, key=lambda pair: pair.image_id):
            several = list(some)
            yield self.image_of(several[0]), several

    @property
    def frame(self) -> pd.DataFrame:
        """The whole manifest as a table, one row per pair."""
        import pandas as pd

        return pd.DataFrame(list(self.pairs()))

    def sharp(self, image: Image) -> np.ndarray:
        """The sharp image, (H, W, 3) uint8 RGB.

        Raises
        ------
        InputError
            When the file is missing, damaged, or (`AlteredFile`) not the one that the set was built with.
        """
        size = (image.height, image.width)
        pixels = read_pixels(self.root, image.sharp, self._sharp_rows[image.image_id], store=self.store, size=size)
        return self._unaltered(image.sharp, pixels, image.sha256)

    def truths_of(self, image: Image) -> Iterator[np.ndarray]:
        """Read the sharp images of a photograph that has several, (H, W, 3) uint8 RGB each, one after the other.

        Raises
        ------
        InputError
            When a file is missing, damaged, or (`AlteredFile`) not the one that the set was built with.
        """
        return (self.truth(image, truth) for truth in self.truths.get(image.image_id, ()))

    def truth(self, image: Image, truth: Truth) -> np.ndarray:
        """One of several sharp images of a photograph; result and errors as of `sharp`."""
        pixels = read_png(inside(self.root, truth.file), size=(image.height, image.width))
        return self._unaltered(truth.file, pixels, truth.sha256)

    def label(self, image: Image) -> np.ndarray:
        """The label image, (H, W) uint8, classes of the 11 of Helen.

        Raises
        ------
        InputError
            When the image has none, or the file is missing, damaged or (`AlteredFile`) altered.
        """
        if not image.label:
            raise InputError(f"image '{image.image_id}' has no label image")
        labels = read_label(inside(self.root, image.label), size=(image.height, image.width))
        return self._unaltered(image.label, labels, image.label_sha256)

    def blurred(self, pair: Pair) -> np.ndarray:
        """The blurred image, (H, W, 3) uint8 RGB.

        Raises
        ------
        InputError
            When the file is missing, damaged, or (`AlteredFile`) not the one that the set was built with.
        """
        image = self.image_of(pair)
        size = (image.height, image.width)
        pixels = read_pixels(self.root, pair.blur, pair.index, store=self.store, size=size)
        return self._unaltered(pair.blur, pixels, pair.sha256)

    def _unaltered(self, file: str, pixels: np.ndarray, sha256: str) -> np.ndarray:
        """Return `pixels` if they have the recorded hash; where none is recorded, there is nothing to compare."""
        if sha256 and pixel_hash(pixels) != sha256:
            raise AlteredFile(
                f"{self.root}/{file}",
                "its pixels are not those that the set was built with",
                do=f"run facedeblur check {self.root}, then build the set again",
            )
        return pixels

    def compute_hash(self) -> str:
        """sha256 over what the set contains: images, pairs with their parameters, kernels."""
        return content_hash(self.images.values(), self.pairs(), self.bank, self.truths)


def collections_of(sources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the collections that photographs come from, by the sources that ``set.json`` records."""
    told = (str(source.get("collection") or "").partition(":")[0] for source in sources)
    return tuple(dict.fromkeys(name for text in told for name in text.split(" and ") if name))


SetLike = Set | str | os.PathLike[str]
"""A set or the path of its folder."""

read_set = Set.open
"""Open the set in a folder: the name that `import facedeblur` knows."""


def building(out: Path) -> Path:
    """Return the folder in which the set `out` is built; it is renamed when the set is complete."""
    return out.with_name(out.name + ".building")


@lru_cache(maxsize=2)
def open_set(root: Path, content_hash: str) -> Set:
    """Open a verified set of just this content, once per process: its image table is read once.

    Raises
    ------
    InputError
        When the folder holds no set, or has come to hold another one.
    """
    opened = Set.open(root, verify=False)
    if opened.content_hash != content_hash:
        raise InputError(f"{root} was replaced by another set after it was opened", do="run the same command again")
    return opened


_verified: dict[Path, tuple[object, ...]] = {}
"""Folder of a set -> its content hash and the state of its files when they were last compared."""


def _verify(opened: Set) -> None:
    """Raise InputError unless the tables and kernels of a set are those that its content hash was made of."""
    names = ["images.csv", "manifest.csv", *["kernels.npz"] * opened.has_kernels, *[TRUTHS] * bool(opened.truths)]
    files = [opened.root / name for name in names]
    states = [file.stat() if file.is_file() else None for file in files]
    known = (opened.content_hash, *((one.st_ino, one.st_size, one.st_mtime_ns) for one in states if one is not None))
    place = opened.root.resolve()
    if _verified.get(place) == known:
        return
    if opened.compute_hash() != opened.content_hash:
        *others, last = (file.name for file in files)
        raise InputError(
            str(opened.root),
            f"{', '.join(others)} or {last} was changed after the set was built (the content hash differs)",
            do=f"run facedeblur check {opened.root}, then build the set again",
        )
    _verified[place] = known


def content_hash(
    images: Iterable[Image], pairs: Iterable[Pair], bank: Bank | None, truths: Mapping[str, Sequence[Truth]] = NO_TRUTHS
) -> str:
    """sha256 (hex) of the content of a set, streaming; see `ContentHash`."""
    running = ContentHash(images, bank, truths)
    running.update(pairs)
    return running.hexdigest()


class ContentHash:
    """The hash of a set's content, fed as the set grows.

    File names of the source collection, paths and encodings do not enter; pixels, identities,
    roles, kernels and every parameter of a pair do.
    """

    def __init__(self, images: Iterable[Image], bank: Bank | None, truths: Mapping[str, Sequence[Truth]] = NO_TRUTHS):
        kernels = bank.digest() if bank else "no kernels"
        self._digest = hashlib.sha256(f"facedeblur set {SCHEMA}\n{kernels}\n".encode())
        for image in images:
            if image.ok:
                label = [image.label_sha256] if image.label_sha256 else []
                self._line([image.image_id, image.identity, image.role, image.sha256, *label])
        for some in truths.values():
            for truth in some:
                self._line(["truth", truth.image_id, truth.sha256])

    def update(self, pairs: Iterable[Pair]) -> None:
        """Take in `pairs`, in the order of the manifest."""
        for pair in pairs:
            fields: list[object] = [pair.index, pair.pair_id, pair.image_id, pair.kernel_id, pair.kernel_size]
            fields += [pair.blur_kind, pair.border, repr(pair.noise_sigma), repr(pair.gamma), pair.seed, pair.sha256]
            self._line(fields)

    def hexdigest(self) -> str:
        """The hash of what has been taken in so far."""
        return self._digest.hexdigest()

    def _line(self, fields: Sequence[object]) -> None:
        self._digest.update(("\t".join(map(str, fields)) + "\n").encode())
