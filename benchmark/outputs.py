"""What a method made of a set: its files, one status per pair, and where they come from.

``OUTPUTS/`` holds one PNG per pair under the blurred file's name (or ``restored.npy``), ``run.json``
(method, version, weights, device, set hash, timings) and ``status.csv`` (one `Status` per pair, in the
order of the manifest). A method that estimates kernels leaves ``kernels.npz``, a bank whose names are those of the
pairs. Intermediate results that a run kept are outputs themselves, in folders inside. A plain folder of PNG files under
the blurred files' names, without ``run.json``, is accepted as the outputs of a foreign method.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.images import SUFFIXES, pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.paths import inside, open_file
from facedeblur.benchmark.files.schema import Count
from facedeblur.benchmark.files.stores import array_path, read_array, read_pixels
from facedeblur.benchmark.files.tables import printable, read_rows
from facedeblur.benchmark.notebook import card, or_reason
from facedeblur.benchmark.run_info import SCHEMA, read_info, sample_words
from facedeblur.benchmark.sets.set import Pair, Set, SetLike
from facedeblur.benchmark.words import many

RUN, STATUS = "run.json", "status.csv"
PARTIAL_RUN, PARTIAL_STATUS = "run.partial.json", "status.partial.csv"
ARRAY = "restored"
KERNELS = "kernels.npz"
NOT_SAMPLED = "not in the sample"
"""Status of the pairs that a run on a sample leaves out; they are no failures."""


@dataclass(frozen=True)
class Status:
    """What became of one pair.

    Attributes
    ----------
    index : int
        Row of the manifest.
    pair_id : str
    status : str
        ``ok``, ``failed: why``, or ``not in the sample`` for a pair that the run leaves out.
    seconds : float
        Time of the method for this image, without reading and writing; NaN where it is not known.
    sha256 : str
        Hash of the restored pixels; empty if it has not been computed.
    """

    index: Count
    pair_id: str
    status: str
    seconds: float
    sha256: str

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def sampled(self) -> bool:
        """False for a pair that the run leaves out."""
        return self.status != NOT_SAMPLED


@dataclass(frozen=True)
class Output:
    """The output of one pair as it is found now.

    Attributes
    ----------
    status : str
        ``ok`` or ``failed: why``.
    pixels : np.ndarray, shape (H, W, 3), uint8 RGB, or None
        The restored image; None where the status is not ``ok``.
    sha256 : str
        Hash of the pixels in the file, altered ones too; empty where they could not be read.
    """

    status: str
    pixels: np.ndarray | None = None
    sha256: str = ""

    @property
    def altered(self) -> bool:
        """True where the file is sound but its pixels are not those that were recorded."""
        return self.pixels is None and bool(self.sha256)


class Outputs:
    """Finished outputs on disk; opened by `Outputs.open`, read image by image.

    Wherever a function takes the path of outputs, it takes an `Outputs` as well.

    Attributes
    ----------
    root : Path
    info : dict
        Contents of ``run.json``; ``method`` is the displayed name, ``foreign`` tells a plain folder.
    """

    def __init__(self, root: Path, info: dict[str, Any], set_: Set):
        self.root, self.info, self._set = root, info, set_

    def __fspath__(self) -> str:
        return str(self.root)

    def __repr__(self) -> str:
        return f"<Outputs of {self.method} on {self._set.name}, in {self.root}>"

    @or_reason
    def _repr_html_(self) -> str:
        restored = 0
        shown: list[tuple[str, np.ndarray]] = []
        for pair, status in self.records():
            restored += status.ok
            if status.ok and len(shown) < 3:
                image = self._set.image_of(pair)
                output = self.read(pair, status, (image.height, image.width))
                if output.pixels is not None:
                    shown.append((pair.pair_id, output.pixels))
        timings = self.info.get("timings") or {}
        facts = {
            "set": self._set.name,
            "restored": f"{restored:,} of {many(self.n_pairs, 'pair')}{self.in_sample}",
            "time per image": f"{timings['mean_s'] * 1e3:.3g} ms on {timings['device']}" if timings else "",
            "true kernels": "given (oracle)" if self.info.get("oracle") else "",
            "folder": self.root,
        }
        return card(f"Outputs of {self.method}", facts, pictures=shown)

    @classmethod
    def open(cls, path: OutputsLike, set_: Set, *, check: bool = True) -> Outputs:
        """Open the outputs in folder `path` that were made of `set_`.

        Parameters
        ----------
        path : path
        set_ : Set
        check : bool
            Look in a foreign folder for files of the set; False where that has been done.

        Raises
        ------
        InputError
            When there is no such folder, the run is not finished, it was made of another set, or
            (without ``run.json``) no file carries the name of a blurred image of the set.
        """
        root = Path(path)
        if not root.is_dir():
            if root.exists():
                raise InputError(str(root), expected="a folder of outputs", found="a file", do="give the folder")
            raise MissingFile(root, expected="a folder of outputs", do="run facedeblur run first")
        if (root / RUN).is_file():
            info = read_info(root / RUN)
            check_set(root, info, set_)
            return cls(root, info, set_)
        if (root / PARTIAL_RUN).is_file():
            raise InputError(
                str(root), "this run is not finished", do="run the same facedeblur run command again to resume it"
            )
        info = {"schema": SCHEMA, "method": root.resolve().name, "version": "", "oracle": False, "foreign": True}
        info |= {"store": "png", "set": {"name": set_.name, "hash": set_.content_hash}, "weights": {}, "options": {}}
        outputs = cls(root, info, set_)
        if check and not any(inside(root, pair.name).is_file() for pair in set_.pairs()):
            there = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
            found = f": expected '{next(set_.pairs()).name}', found '{there[0].relative_to(root)}'" if there else ""
            raise InputError(
                str(root), f"no file in it has the name of a blurred image of set '{set_.name}'{found}",
                do=f"run: facedeblur adopt {set_.root} {root} -o OUTPUTS" if there else "give another folder",
            )  # fmt: skip
        return outputs

    @property
    def method(self) -> str:
        """The displayed name, with the options that are not the default; what cannot be printed in it is a blank."""
        return printable(str(self.info["method"]))

    @property
    def foreign(self) -> bool:
        """True for a plain folder that `facedeblur run` did not write."""
        return bool(self.info.get("foreign", False))

    @property
    def shows_labels(self) -> bool:
        """True for label images that a run kept: they are drawn in the colours of their classes."""
        return (self.info.get("kept") or {}).get("kind") == "labels"

    @property
    def sample(self) -> dict[str, int] | None:
        """How many ``pairs`` of how many (``of``) the run is on; None for all of the set."""
        return self.info.get("sample")

    @property
    def in_sample(self) -> str:
        """What follows a number of pairs: ``, a sample of the set's 8,000``; empty for a run on the whole set."""
        return sample_words(self.info)

    @property
    def n_pairs(self) -> int:
        """Number of pairs that the run is on."""
        return self.sample["pairs"] if self.sample else self._set.n_pairs

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs that the run is on, in the order of the manifest: all of the set, or those of the sample."""
        if self.sample is None:
            yield from self._set.pairs()
            return
        for pair, status in self.records():
            if status.sampled:
                yield pair

    def need_whole(self) -> None:
        """Raise InputError for a run on a sample of its set, which a test of the whole set cannot be made of."""
        if self.sample:
            raise InputError(
                f"{self.root}: '{self.method}' restored {many(self.n_pairs, 'pair')}{self.in_sample}, and this is a "
                "test of the whole set", do="run facedeblur run again without --sample, which adds the other pairs",
            )  # fmt: skip

    def need_images(self) -> None:
        """Raise InputError for drawn label images, which would be compared with photographs by their colours."""
        if self.shows_labels:
            raise InputError(
                f"{self.root}: '{self.method}' are label images, not restored ones",
                do="run: facedeblur parse SET OUTPUTS",
            )

    @property
    def store(self) -> str:
        return str(self.info.get("store", "png"))

    def statuses(self) -> Iterator[Status]:
        """Yield the status of every pair, in the order of the manifest; see `records`."""
        return (status for _, status in self.records())

    def records(self, pairs: Iterable[Pair] | None = None) -> Iterator[tuple[Pair, Status]]:
        """Yield every pair with its status, in the order of the manifest, one at a time.

        In a foreign folder a file that is there counts as ``ok``; its pixels are not looked at, so
        ``seconds`` is NaN and ``sha256`` empty.

        Parameters
        ----------
        pairs : iterable of Pair, optional
            The pairs of the set, where they are being read anyway.

        Raises
        ------
        InputError
            When ``status.csv`` is damaged or does not have exactly one row per pair.
        """
        pairs = self._set.pairs() if pairs is None else pairs
        if self.foreign:
            for pair in pairs:
                there = inside(self.root, pair.name).is_file()
                status = "ok" if there else "failed: output missing"
                yield pair, Status(pair.index, pair.pair_id, status, float("nan"), "")
            return
        table = self.root / STATUS
        rows = read_rows(table, Status)
        for pair in pairs:
            row = next(rows, None)
            if row is None or (row.index, row.pair_id) != (pair.index, pair.pair_id):
                raise InputError(
                    str(table), expected=f"pair '{pair.pair_id}' in row {pair.index}",
                    found=f"'{row.pair_id}'" if row else "the end", do="run the method again into a new folder",
                )  # fmt: skip
            yield pair, row
        if next(rows, None) is not None:
            raise InputError(str(table), "more rows than pairs", do="run the method again into a new folder")

    def read(self, pair: Pair, status: Status, size: tuple[int, int]) -> Output:
        """Read the restored image of a pair; see `read_all`."""
        return self.read_all([pair], [status], size)[0][0]

    def read_all(
        self, pairs: Sequence[Pair], statuses: Sequence[Status], size: tuple[int, int]
    ) -> tuple[list[Output], np.ndarray]:
        """Read the restored images of some pairs of one photograph; whatever is wrong with one is its status.

        Parameters
        ----------
        pairs : sequence of Pair
            In the order of the manifest. From an array they are read at once, with those between them.
        statuses : sequence of Status
            What is recorded of them. A file whose pixels have another hash is altered; an empty hash is not compared.
        size : (height, width)
            Size that the images must have, in pixels.

        Returns
        -------
        list of Output
            One for each pair.
        np.ndarray, shape (N, H, W, 3), uint8 RGB
            The pixels of those that are ``ok``, one after the other.

        Raises
        ------
        InputError
            When a status is that of another pair.
        """
        for pair, status in zip(pairs, statuses, strict=True):
            if status.pair_id != pair.pair_id:
                raise InputError(
                    str(self.root), expected=f"the status of '{pair.pair_id}'", found=f"that of '{status.pair_id}'",
                    do="run the method again into a new folder",
                )  # fmt: skip
        stored: Mapping[int, np.ndarray] = {}
        block = np.empty((0, *size, 3), np.uint8)
        there = [pair for pair, status in zip(pairs, statuses, strict=True) if status.ok]
        if self.store == "npy" and there:
            rows = range(there[0].index, there[-1].index + 1)
            with suppress(InputError):  # Each pair is then read alone, and says what is wrong with it.
                block = read_array(array_path(self.root, f"{ARRAY}/"), rows, size=size)
                stored = dict(zip(rows, block, strict=True))
        found = [self._read(*both, size, stored) for both in zip(pairs, statuses, strict=True)]
        good = [output.pixels for output in found if output.pixels is not None]
        # A copy of all pixels is only made where they are not one block already.
        return found, block if len(good) == len(block) else np.stack(good) if good else block[:0]

    def _read(self, pair: Pair, status: Status, size: tuple[int, int], stored: Mapping[int, np.ndarray]) -> Output:
        """The output of one pair; its pixels are in `stored`, by row, or are read."""
        if not status.ok:
            return Output(status.status)
        try:
            pixels = stored[pair.index] if pair.index in stored else self.restored(pair, size)
        except MissingFile:
            return Output("failed: output missing")
        except InputError as error:
            return Output(f"failed: {error.reason}")
        sha256 = pixel_hash(pixels)
        if status.sha256 and sha256 != status.sha256:
            return Output("failed: altered since the run", sha256=sha256)
        return Output("ok", pixels, sha256)

    def restored(self, pair: Pair, size: tuple[int, int]) -> np.ndarray:
        """Return the restored image of an ``ok`` pair, (H, W, 3) uint8 RGB; see `read`.

        Raises
        ------
        InputError
            When the file is missing, truncated, damaged, not of `size` (height, width), or not 8-bit RGB.
        """
        return read_pixels(self.root, stored_name(pair, self.store), pair.index, store=self.store, size=size)

    @property
    def has_kernels(self) -> bool:
        """True where the method left estimated kernels."""
        return (self.root / KERNELS).is_file()

    def kernels(self) -> Bank | None:
        """The estimated point spread functions, each named by its ``pair_id``; None if absent.

        Raises
        ------
        InputError
            When the file is damaged.
        """
        if not self.has_kernels:
            return None
        file = (self.root / KERNELS).resolve()
        known = file.stat()
        return _bank(file, known.st_mtime_ns, known.st_size)

    def kernel_pairs(self, pairs: Iterable[Pair]) -> Iterator[tuple[np.ndarray | None, np.ndarray | None]]:
        """Yield the estimated and the true kernel of each pair, (k, k) float64; None for one that there is not."""
        estimated, true = self.kernels(), self._set.bank
        for pair in pairs:
            yield (
                estimated.kernel(pair.pair_id) if estimated and pair.pair_id in estimated else None,
                true.kernel(pair.kernel_id) if true and pair.kernel_id in true else None,
            )

    @property
    def extra(self) -> tuple[str, ...]:
        """Names of image files in the folder that are no output of the set, sorted."""
        return self._contents.extra

    @cached_property
    def run_hash(self) -> str:
        """sha256 (hex) of what was run and what came out.

        Over method, version, options, weights, code, set hash and, for every pair, the status with the hash
        of the restored pixels; for a foreign folder over name and bytes of each file of the set,
        so that there another PNG encoder does change it.
        """
        digest = self._head()
        for pair, status in self.records():
            digest.update(self._line(pair, status, self._file_hash(pair) if self.foreign else ""))
        return digest.hexdigest()

    def _head(self) -> Any:
        """The running hash of what was run."""
        info = self.info
        head = [info[key] for key in ("method", "version", "options", "weights")]
        head += [info.get("code", {}), info["set"]["hash"]]
        return hashlib.sha256(json.dumps(["facedeblur run", SCHEMA, *head], sort_keys=True).encode())

    def _file_hash(self, pair: Pair) -> str:
        return _bytes_hash(inside(self.root, pair.name))

    def _line(self, pair: Pair, status: Status, there: str) -> bytes:
        """What came out for a pair, as `run_hash` has it; `there` is the hash of a file in a foreign folder."""
        if self.foreign:
            return f"\n{pair.name}\t{there}".encode()
        return f"\n{status.pair_id}\t{status.status}\t{status.sha256}".encode()

    @property
    def files_hash(self) -> str:
        """sha256 (hex) of the image files, and the estimated kernels, as they are in the folder now.

        `run_hash` knows what the run recorded; a file altered, lost or put back since then changes this one. Whatever
        is computed of the outputs holds as long as both stay what they were.
        """
        return self._contents.files_hash

    @cached_property
    def _contents(self) -> _Contents:
        """What is in the folder, found in one pass over the tables and the files, which tells `run_hash`, too."""
        run, files, present = self._head(), hashlib.sha256(), 0
        for pair, status in self.records():
            there = ""
            if self.foreign or (self.store == "png" and status.ok):
                there = self._file_hash(pair)
                present += bool(there)
            run.update(self._line(pair, status, there))
            if self.store == "png" and not self.foreign:
                files.update((there if status.ok else "-").encode() + b"\n")
        self.__dict__["run_hash"] = run.hexdigest()
        pixels = files.hexdigest()
        if self.foreign:
            pixels = self.run_hash
        elif self.store != "png":
            pixels = _bytes_hash(array_path(self.root, f"{ARRAY}/"))
        kernels = _bytes_hash(self.root / KERNELS)
        pixels = hashlib.sha256(f"{pixels}\n{kernels}".encode()).hexdigest() if kernels else pixels
        return _Contents(pixels, self._others(present))

    def _others(self, present: int) -> tuple[str, ...]:
        """The image files that are no pair's. Names are kept in memory only where `present` are not all."""
        if sum(1 for _ in self._image_names()) == present:
            return ()
        names = set(self._image_names())
        if self.foreign or self.store == "png":
            names.difference_update(pair.name for pair, _ in self.records())
        return tuple(sorted(names))

    def _image_names(self) -> Iterator[str]:
        with os.scandir(self.root) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and Path(entry.name).suffix.lower() in SUFFIXES:
                    yield entry.name


@dataclass(frozen=True)
class _Contents:
    """Hash of the files in a folder of outputs, and the names of image files that are no outputs."""

    files_hash: str
    extra: tuple[str, ...]


OutputsLike = Outputs | str | os.PathLike[str]
"""Outputs or the path of their folder."""

Given = TypeVar("Given")
Given_contra = TypeVar("Given_contra", contravariant=True)
Result = TypeVar("Result")
Options = ParamSpec("Options")


class OneOrMany(Protocol[Given_contra, Options, Result]):
    """A function of a set and outputs: one result for one, a list of results for several; see `one_or_many`."""

    @overload
    def __call__(
        self, the_set: SetLike, outputs: Given_contra, /, *args: Options.args, **options: Options.kwargs
    ) -> Result: ...
    @overload
    def __call__(
        self, the_set: SetLike, outputs: Sequence[Given_contra], /, *args: Options.args, **options: Options.kwargs
    ) -> list[Result]: ...


def one_or_many(
    function: Callable[Concatenate[SetLike, Sequence[Given], Options], list[Result]],
) -> OneOrMany[Given, Options, Result]:
    """Let a function of a set and a sequence of outputs take a single one, too, and return its result alone.

    The results of the outputs are the last ones in the function's list.
    """

    @wraps(function)
    def call(the_set: SetLike, outputs: Any, *args: Options.args, **options: Options.kwargs) -> Any:
        if isinstance(outputs, str | os.PathLike) or not isinstance(outputs, Iterable):
            return function(the_set, [cast(Given, outputs)], *args, **options)[-1]
        several = list(outputs)
        if not several:
            raise InputError("no outputs given", do="give at least one folder of outputs")
        return function(the_set, several, *args, **options)

    return cast(OneOrMany[Given, Options, Result], call)


def stored_name(pair: Pair, store: str) -> str:
    """Return the name of the restored image of `pair` in the outputs, as `benchmark.files.stores` has it."""
    return f"{ARRAY}/{pair.name}" if store == "npy" else pair.name


def check_set(root: Path, info: dict[str, Any], set_: Set) -> None:
    """Refuse outputs that were made of another set.

    Raises
    ------
    InputError
        Naming both sets and both hashes.
    """
    made_of = info["set"]
    if made_of["hash"] != set_.content_hash:
        raise InputError(
            f"{root}: the outputs of '{info['method']}' belong to another set",
            expected=f"set '{set_.name}' ({set_.content_hash[:12]})",
            found=f"set '{made_of.get('name', '?')}' ({made_of['hash'][:12]})",
            do="give the set that they were made from, or run the method on this set into a new folder",
        )


@lru_cache(maxsize=4)
def _bank(file: Path, mtime_ns: int, size: int) -> Bank:
    """One bank a process and file: the tasks of a scoring share it."""
    return Bank.load(file)


def _bytes_hash(file: Path) -> str:
    """sha256 (hex) of a file; empty if absent. Never remembered: a file may change within one tick."""
    try:
        with open_file(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, InputError):
        return ""
