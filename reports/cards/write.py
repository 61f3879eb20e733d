"""Write the card of a set: a folder that can be uploaded to the Hugging Face Hub as it is.

With its images the folder is also a set of facedeblur with the same content hash, so whoever downloads it can run and
score methods on it. The images are checked and copied; those of a set that is stored as arrays become PNG files.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import is_free, write_json, write_text
from facedeblur.benchmark.files.images import write_png
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.files.tables import csv_line, write_rows
from facedeblur.benchmark.metrics.base import describe
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.scoring.protocol import choose, load_protocol
from facedeblur.benchmark.sets.set import Image, Pair, Set, SetLike, building
from facedeblur.reports.cards import croissant, metadata, readme
from facedeblur.reports.cards.facts import Facts, Publisher
from facedeblur.reports.cards.licence import OTHER, check_shareable, decide, sources
from facedeblur.reports.hub import FRAMEWORK, repository, task_id, to_yaml

SUMS = "SHA256SUMS"
EVAL = "eval.yaml"
LICENCE = "LICENSE"

MOST_ENTRIES = 10_000
"""Entries per folder that the Hub recommends at most; with more pairs, each face has a folder of blurred images."""

_OTHERS = {
    "kernels.npz": "the blur kernels: ids, sizes, and the kernels themselves, centred, with sum 1",
    "traits.csv": "what the collection says of the faces besides their identity",
    "windows.csv": "the windows of frames that were averaged",
    "response.csv": "response curve of the camera",
}
_TABLES = {
    "set.json": "recipe, seed, versions, counts and content hash",
    "images.csv": "one row per photograph, including those that could not be used",
    "manifest.csv": "one row per pair, with the hash of its pixels",
}


@dataclass(frozen=True)
class WrittenCard:
    """A card that was written.

    Attributes
    ----------
    folder : Path
    licence : str
        Identifier of the Hub.
    pairs : int
    images : bool
        Whether the images are in the folder.
    missing : tuple of str
        Fields that a published set should have, with the option that states each.
    remarks : tuple of str
        What else the publisher should know.
    """

    folder: Path
    licence: str
    pairs: int
    images: bool
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@checked
def card(
    the_set: SetLike,
    out: str | Path,
    *,
    licence: str = "",
    images: bool = True,
    repo: str = "",
    creators: Sequence[str] = (),
    date: str = "",
    release: str = "1.0.0",
    protocol: str = "",
    progress: Reporter | bool | None = None,
) -> WrittenCard:
    """Write a card of a set for the Hugging Face Hub: README, table of pairs, Croissant, hashes, citation.

    The same set and options give the same bytes.

    Parameters
    ----------
    the_set : Set or path
    out : path
        New folder. Files: ``README.md``, ``metadata.csv``, ``croissant.json``, ``SHA256SUMS``, ``eval.yaml`` if there
        is a protocol, and with images the whole set.
    licence : str
        Licence of the set: an identifier of the Hub such as ``cc-by-4.0``, or a licence in words; by default the one
        that the set states for its photographs.
    images : bool
        Copy the images; False writes the texts alone.
    repo : str
        Name on the Hub, ``OWNER/NAME``.
    creators : sequence of str
        Who made the set, for the citation.
    date : str
        Day of publication, ``YYYY-MM-DD``.
    release : str
        Version of the published set.
    protocol : str
        Protocol whose metrics become the tasks of a benchmark of the Hub.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    WrittenCard

    Raises
    ------
    InputError
        When `out` exists, the licence is not known, the photographs may not be passed on, or the set is damaged.
    """
    opened, out = Set.open(the_set), Path(out)
    of = sources(opened.info)
    found = decide(licence, of, opened.name)
    if images:
        check_shareable(of, opened.name)
    publisher = Publisher(repository(repo) if repo else "", tuple(creators), _day(date), release)
    facts = Facts(opened, found, of, publisher, images)
    tasks, unavailable = _tasks(opened, protocol) if protocol else ([], ())
    work = building(out)
    with only_writer(out, working=(work,)):
        if not is_free(out):
            raise InputError(
                str(out), expected="a new folder", found="other files", do="choose another folder or remove this one"
            )
        shutil.rmtree(work, ignore_errors=True)  # of a command that was killed
        work.mkdir(parents=True)
        try:
            with reporting(progress) as reporter:
                _write(facts, work, tasks, reporter)
            if out.exists():
                shutil.rmtree(out)  # empty except for a lock
            work.rename(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    wanted = {"url (--repo)": repo, "creator (--creator)": creators, "datePublished (--date)": date}
    return WrittenCard(
        out, found.identifier, opened.n_pairs, images,
        tuple(name for name, value in wanted.items() if not value),
        tuple(f"left out of {EVAL}: {name} ({why})" for name, why in unavailable),
    )  # fmt: skip


def _day(date: str) -> str:
    try:
        return datetime.date.fromisoformat(date).isoformat() if date else ""
    except ValueError:
        raise InputError("date", expected="a day such as 2026-05-31", found=date) from None


def _tasks(opened: Set, protocol: str) -> tuple[list[tuple[str, str]], Sequence[tuple[str, str]]]:
    """The metrics of a protocol as (signature, definition), and those that cannot be made, with the reason."""
    chosen = choose(load_protocol(protocol)).for_set(opened)
    return [
        (str(one.signature), describe(str(one.signature), one.label)) for _, one in chosen.metrics
    ], chosen.unavailable


def _write(facts: Facts, work: Path, tasks: Sequence[tuple[str, str]], reporter: Reporter) -> None:
    opened = facts.of
    apart = opened.n_pairs > MOST_ENTRIES
    blurred = "blur/*/*.png" if apart else "blur/*.png"
    labels = all(image.label for image in opened.images.values() if image.blurred)
    columns = metadata.columns(sharp=opened.has_sharp, labels=labels)
    manifest = []
    with (work / metadata.FILE).open("w", encoding="utf-8", newline="") as table:
        table.write(csv_line(column.name for column in columns))
        for image, pairs in opened.by_image():
            placed = [replace(one, blur=f"blur/{image.image_id}/{one.name}") for one in pairs] if apart else pairs
            facts.count(image, pairs)
            if facts.images:
                _copy_face(opened, work, image)
                for pair, there in zip(pairs, placed, strict=True):
                    write_png(inside(work, there.blur), opened.blurred(pair))
                manifest += placed if apart else []
            table.writelines(csv_line(column.read(image, pair) for column in columns) for pair in placed)
            reporter.progress("copying" if facts.images else "reading", pairs[-1].index + 1, opened.n_pairs)
    described = {metadata.FILE: "one row per pair"}
    if facts.images:
        described |= _copy_rest(facts, work, manifest)
    if tasks:
        write_text(work / EVAL, _eval_yaml(facts, tasks))
        described[EVAL] = "tasks of the benchmark for the Hub, one per metric"
    if facts.licence.identifier == OTHER:
        write_text(work / LICENCE, f"{facts.licence.name}\n")
        described[LICENCE] = "licence of the set"
    files = sorted(file.relative_to(work).as_posix() for file in work.rglob("*") if file.is_file())
    write_text(work / SUMS, "".join(f"{_digest(work / name)}  {name}\n" for name in files))
    described[SUMS] = "SHA-256 of every file except this one, README.md and croissant.json"
    citation = readme.bibtex(facts)
    hashes = {name: (_digest(work / name), (work / name).stat().st_size) for name in described}
    write_json(work / croissant.FILE, croissant.croissant(facts, columns, hashes, citation, blurred))
    described[croissant.FILE] = "this card for programs: Croissant 1.1"
    text = readme.readme(facts, columns, _folders(facts) | described, tasks, citation, blurred)
    write_text(work / readme.FILE, text)


def _copy_face(opened: Set, work: Path, image: Image) -> None:
    """Copy the sharp image and the label image of a face, if their pixels are those that the set was built with."""
    if opened.has_sharp:
        write_png(inside(work, image.sharp), opened.sharp(image))
    if image.label:
        write_png(inside(work, image.label), opened.label(image))


def _copy_rest(facts: Facts, work: Path, manifest: Sequence[Pair]) -> dict[str, str]:
    """Copy the gallery, the tables and the kernels; return what each file is, by its name."""
    opened = facts.of
    for image in opened.images.values():
        if image.ok and not image.blurred:
            _copy_face(opened, work, image)
            facts.gallery += 1
    assert opened.traits is None or len(opened.traits) >= 0, "read, so that an altered table is noticed"
    copied = {name: what for name, what in (_TABLES | _OTHERS).items() if (opened.root / name).is_file()}
    for name in copied:
        shutil.copyfile(opened.root / name, work / name)
    if manifest:
        write_rows(work / "manifest.csv", Pair, manifest)
    if opened.store != "png":
        write_json(work / "set.json", {**opened.info, "store": "png"})
    return copied


def _folders(facts: Facts) -> dict[str, str]:
    """The folders of images, with what is in them."""
    if not facts.images:
        return {}
    found = {"blur/": f"{facts.of.n_pairs:,} blurred images"}
    found |= {"sharp/": f"{facts.faces:,} sharp images, one per face"} if facts.of.has_sharp else {}
    found |= {"labels/": f"{facts.labelled:,} label images of sharp images"} if facts.labelled else {}
    return found | ({"gallery/": f"{facts.gallery:,} sharp images for recognition"} if facts.gallery else {})


def _eval_yaml(facts: Facts, tasks: Sequence[tuple[str, str]]) -> str:
    """What makes a data set a benchmark of the Hub (huggingface/hub-docs, ``docs/hub/eval-results.md``)."""
    return to_yaml(
        {
            "name": facts.title,
            "description": f"Face deblurring. {facts.summary} The value of a task is the mean of a metric over all "
            "pairs, as README.md defines it.",
            "evaluation_framework": FRAMEWORK,
            "tasks": [{"id": task_id(signature), "config": "default", "split": facts.split} for signature, _ in tasks],
        }
    )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
