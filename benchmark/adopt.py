"""Takes in restored images under names and in kinds that other programs write.

A file belongs to the pair whose name it begins with: ``NAME.jpg``, ``NAME_deblurred.png`` and ``results/NAME.PNG`` all
become ``NAME.png``. What is between name and suffix has to be the same for all files. Files are converted if
nothing is lost by that; JPEG and others that lose something are converted on request.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError, MissingFile
from facedeblur.benchmark.files.atomic import is_free, temporary_name, write_json
from facedeblur.benchmark.files.images import SUFFIXES, list_images, read_photo, read_samples, write_png
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside, read_file
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.outputs import RUN, Outputs
from facedeblur.benchmark.parallel import ALL, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.run_info import SCHEMA
from facedeblur.benchmark.sets.set import Set, SetLike
from facedeblur.benchmark.words import many

_LOSSLESS = {"grey to RGB", "palette to RGB", "16-bit to 8-bit", "alpha dropped"}
"""Conversions that can be without loss."""
_LOSSY_FILES = {b"\xff\xd8\xff": "JPEG", b"RIFF": "WebP", b"\0\0\0": "AVIF"}
"""Kinds of files that are compressed with loss, mostly, by their first bytes."""


@dataclass(frozen=True)
class Adopted:
    """Restored images that were taken in.

    Attributes
    ----------
    outputs : Outputs
        The new folder.
    taken : int
        Number of files that became outputs.
    missing : tuple of str
        Names of the pairs without a file.
    others : tuple of str
        Image files that belong to no pair.
    notes : tuple of str
        What was converted and what could not be read; also in ``run.json``.
    """

    outputs: Outputs
    taken: int
    missing: tuple[str, ...]
    others: tuple[str, ...]
    notes: tuple[str, ...]


@checked
def adopt(
    the_set: SetLike,
    folder: str | Path,
    out: str | Path,
    *,
    suffix: str | None = None,
    lossy: bool = False,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> Adopted:
    """Make outputs of images that another program restored, whatever it called them.

    Parameters
    ----------
    the_set : Set or path
        The set whose blurred images were restored.
    folder : path
        Images in it and in the folders below it. A file belongs to the pair whose name it begins with.
    out : path
        Folder of the outputs; its name becomes that of the method.
    suffix : str, optional
        What follows the name of the pair, such as ``_deblurred``; by default it is found, and the same for all files.
    lossy : bool
        Accept files that lose something: JPEG, 16 bits that are no whole grey levels, transparency, colour profiles.
    workers : Workers or int
        Where to compute.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    Adopted

    Raises
    ------
    InputError
        When no file belongs to a pair, two belong to the same one, or a file loses something and `lossy` is False.
    """
    the_set, folder, out = Set.open(the_set), Path(folder), Path(out)
    files = [path.relative_to(folder).as_posix() for path in list_images(folder)]
    names = {pair.name.rpartition(".")[0]: pair.name for pair in the_set.pairs()}
    found, others = match_names(files, list(names), suffix=suffix, place=str(folder))
    work = out.with_name(temporary_name(out.name))
    with only_writer(out), reporting(progress) as reporter:
        if not is_free(out):
            raise InputError(str(out), expected="a new folder", found="files", do="choose another output folder")
        try:
            work.mkdir(parents=True)
            tasks = [AdoptTask(folder, file, work, names[name], lossy) for name, file in found.items()]
            counts, unread = Counter[str](), list[str]()
            for done, (note, problem) in enumerate(imap(convert, tasks, workers), start=1):
                counts.update(filter(None, note.split(", ")))
                unread += [problem] * bool(problem)
                reporter.progress("converting", done, len(tasks))
            notes = [f"{note}: {many(count, 'file')}" for note, count in counts.most_common()]
            notes += [f"{many(len(unread), 'file')} could not be read, such as {unread[0]}"] if unread else []
            info = {
                "schema": SCHEMA, "method": out.name, "version": "", "options": {}, "weights": {}, "foreign": True,
                "store": "png", "set": {"name": the_set.name, "hash": the_set.content_hash}, "notes": notes,
            }  # fmt: skip
            write_json(work / RUN, info)
            if out.exists():
                shutil.rmtree(out)
            work.rename(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    missing = tuple(name for name in names if name not in found)
    taken = len(found) - len(unread)
    return Adopted(Outputs.open(out, the_set, check=False), taken, missing, tuple(others), tuple(notes))


def match_names(
    files: Iterable[str], names: Sequence[str], *, suffix: str | None = None, place: str = ""
) -> tuple[dict[str, str], list[str]]:
    """Tell which file belongs to which name.

    Parameters
    ----------
    files : iterable of str
        Relative paths of image files, forward slashes.
    names : sequence of str
    suffix : str, optional
        What follows the name in each file; by default it is found.
    place : str
        The folder, for messages.

    Returns
    -------
    found : dict of str to str
        File by name, in the order of `names`.
    others : list of str
        Files that belong to no name.

    Raises
    ------
    InputError
        When no file belongs to a name, two belong to the same one, or names are followed by different texts.
    """
    found, others = matches(files, names, suffix)
    rests: dict[str, dict[str, list[str]]] = {}
    for file, name, rest in found:
        rests.setdefault(rest, {}).setdefault(name, []).append(file)
    if not rests:
        raise InputError(
            place, f"no file has the name of an image of the set: expected '{names[0]}{suffix or ''}.png', found "
            f"'{others[0]}'", do="rename the files, or give the folder that the method wrote to",
        )  # fmt: skip
    if len(rests) > 1:
        told = " and ".join(f"'{rest}' ({next(iter(rests[rest].values()))[0]})" for rest in sorted(rests)[:3])
        raise InputError(
            place, f"names of its files end differently: {told}", do=f"choose one, such as --suffix '{max(rests)}'"
        )
    (by_name,) = rests.values()
    twice = next((some for some in by_name.values() if len(some) > 1), None)
    if twice:
        raise InputError(
            place, f"'{twice[0]}' and '{twice[1]}' are of the same image", do="give a folder with one of them"
        )
    return {name: by_name[name][0] for name in names if name in by_name}, others


def matches(
    files: Iterable[str], names: Iterable[str], suffix: str | None = None
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Tell which name each file begins with, the longest if there are several.

    Returns
    -------
    found : list of (str, str, str)
        File, name, and what follows the name in the file's.
    others : list of str
        Files that begin with no name.
    """
    folded = {name.casefold(): name for name in names}
    found, others = list[tuple[str, str, str]](), list[str]()
    for file in files:
        stem = _stem(file)
        end = next((end for end in _ends(stem, suffix) if stem[:end].casefold() in folded), 0)
        if end:
            found.append((file, folded[stem[:end].casefold()], stem[end:]))
        else:
            others.append(file)
    return found, others


def _stem(file: str) -> str:
    """Name of a file without its suffix, or several such as ``.png.png``."""
    name = file.rpartition("/")[2]
    while Path(name).suffix.lower() in SUFFIXES:
        name = Path(name).stem
    return name


def _ends(stem: str, suffix: str | None) -> Iterator[int]:
    """Where a name can end, the farthest first: at the end, before no letter or digit, or before `suffix` alone."""
    if suffix is not None:
        yield from [len(stem) - len(suffix)] if stem.endswith(suffix) else []
        return
    yield len(stem)
    yield from (end for end in range(len(stem) - 1, 0, -1) if not stem[end].isalnum())


@dataclass(frozen=True)
class AdoptTask:
    """One file to convert."""

    folder: Path
    file: str
    out: Path
    name: str
    lossy: bool


def convert(task: AdoptTask) -> tuple[str, str]:
    """Write one file as 8-bit RGB PNG; return what was converted, and why it could not be read."""
    path = inside(task.folder, task.file, links=True)
    try:
        photo = read_photo(path, min_side=1)
    except MissingFile:
        raise
    except InputError as error:
        return "", f"{task.file}: {error.reason}"
    losses = _losses(path, photo.note)
    if losses and not task.lossy:
        raise InputError(
            str(path), f"something is lost: {losses[0]}", do="add --lossy to accept that, or write 8-bit RGB PNG"
        )
    write_png(task.out / task.name, photo.pixels)
    kept = [note for note in photo.note.split(", ") if note]
    return ", ".join(dict.fromkeys([*kept, *losses])), ""


def _losses(path: Path, note: str) -> list[str]:
    """What a file has lost already, or loses when it becomes 8-bit RGB."""
    losses = [f"{kind} compression" for start, kind in _LOSSY_FILES.items() if read_file(path).startswith(start)]
    for part in filter(None, note.split(", ")):
        if part not in _LOSSLESS:
            losses.append(part)
        elif part == "16-bit to 8-bit" and (read_samples(path).astype(np.uint32) % 257).any():
            losses.append("16 bits that are no whole grey levels")
        elif part == "alpha dropped" and not _opaque(path):
            losses.append("transparency")
    return losses


def _opaque(path: Path) -> bool:
    from PIL import Image

    with Image.open(path) as opened:
        return bool(opened.convert("RGBA").getextrema()[3] == (255, 255))
