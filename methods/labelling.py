"""Label the faces of collections that have no labels: pseudo-labels, by a parser or the parsing network of a method.

Shen et al., IJCV 2020, train on such labels for CMU PIE and CelebA: their parsing network P, trained on Helen,
makes them. The result is a folder as `align` writes it, with ``labels/`` and ``labels.json``, which says by what the
labels were made, and the record of the collections.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import is_free, replacing, write_bytes, write_json
from facedeblur.benchmark.files.images import read_label, write_png
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.resume import check_same
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.sets.traits import FILE
from facedeblur.generators.align.origin import write_origin
from facedeblur.generators.align.photo import Finders
from facedeblur.generators.crops import LABELS, Crops, gather
from facedeblur.generators.photos.opening import Photos, specs_of
from facedeblur.generators.photos.specs import Selection
from facedeblur.methods.parsing import parser_named


@dataclass(frozen=True)
class Labelled:
    """The folder, by what it was labelled, and how many faces got labels, kept theirs, have none, or failed."""

    folder: Path
    by: str
    new: int
    kept: int
    without: int
    failed: int


class Labeller:
    """A parser that labels one face at a time, with its name for the record.

    Parameters
    ----------
    by : str
        Name of a parser with its options; ``shen2020:WEIGHTS`` is the parsing network of these weights.

    Attributes
    ----------
    definition : str
        Name and the first digits of the sha256 of the weights.

    Raises
    ------
    InputError
        When there is no such parser, or its weights are missing or hold no trained parsing network.
    """

    def __init__(self, by: str):
        self._parser = parser_named(by)
        joined = [name for name in self._parser.classes if name not in HELEN]
        if joined:
            raise InputError(f"parser '{by}' tells {joined[0]} of a face as one class, and labels need each by itself",
                             do="name another parser")  # fmt: skip
        self._places = np.array([HELEN.index(one) for one in self._parser.classes], np.uint8)
        self.definition = ",".join(self._parser.definition)

    def __call__(self, face: np.ndarray) -> np.ndarray:
        """Label a face, (H, W, 3) uint8 RGB, with places in `HELEN`, (H, W) uint8; all 0 without a face."""
        return np.asarray(self._places[self._parser.parse(face[None])[0]], dtype=np.uint8)


@checked
def label(
    faces: Photos,
    out: str | Path,
    *,
    by: str = "facedeblur",
    template: str = "shen128",
    margin: int = 0,
    selection: Selection = Selection(),
    finders: Finders = Finders(),
    seed: int = 0,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> Labelled:
    """Label every face that has no labels, and write a folder of faces that sets and trainings take.

    Call it again to resume an interrupted job.

    Parameters
    ----------
    faces : str, path, Collection or sequence of them
        A folder that `align` wrote, which is taken as it is; else photographs, which are aligned first.
    out : path
        Folder of the labelled faces.
    by : str
        As `Labeller` has it.
    template, margin, selection, finders, seed, workers
        As in `facedeblur.generators.align.run.align`.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    Labelled
        Labels that are there are kept; a face in which nothing is found gets none.

    Raises
    ------
    InputError
        When the faces or the labeller cannot be used, or `out` holds something else.
    """
    target, labeller = Path(out), Labeller(by)
    workspace = target.with_name(target.name + ".faces")
    aligned = all(isinstance(one, str | Path) and (Path(one) / "images.csv").is_file() for one in specs_of(faces))
    with only_writer(target, working=(workspace,)), reporting(progress) as reporter:
        crops = gather(
            faces, template="none" if aligned else template, margin=margin, workspace=workspace, skip=(target,),
            selection=selection, finders=finders, seed=seed, workers=workers, reporter=reporter,
        )  # fmt: skip
        digest = hashlib.sha256()
        for image in crops.images:
            digest.update(f"{image.image_id} {image.sha256} {image.image_id in crops.label_files}\n".encode())
        wanted = {"by": labeller.definition, "faces": digest.hexdigest()}
        if (target / LABELS).is_file():
            check_same(target, read_json(target / LABELS, dict[str, str], "a record of labels", do="remove it"), wanted,
                       of="labels", do="choose another folder")  # fmt: skip
        elif not is_free(target):
            raise InputError(str(target), "the folder is not empty", do="choose another one")
        else:
            write_json(target / LABELS, wanted)
        write_origin(target, crops.origins)
        rows, counts = _write(crops, target, labeller, reporter)
        write_rows(target / "images.csv", Image, rows)
        if crops.traits:
            write_bytes(target / FILE, crops.traits.encoded())
        shutil.rmtree(workspace, ignore_errors=True)
    return Labelled(target, labeller.definition, *counts, failed=sum(not image.ok for image in rows))


def _write(crops: Crops, out: Path, labeller: Labeller, reporter: Reporter) -> tuple[list[Image], tuple[int, int, int]]:
    """Copy the faces, label them, and return their rows and how many got new labels, kept theirs, and have none."""
    rows, new, kept, without = list[Image](), 0, 0, 0
    for at, image in enumerate(crops.images, start=1):
        if not image.ok:
            rows.append(image)
            continue
        name = f"{image.image_id}.png"
        pixels, place = crops.sharp(image), out / "labels" / name
        write_png(out / "sharp" / name, pixels)
        if image.image_id in crops.wide_files:
            with replacing(out / "wide" / name) as temporary:
                shutil.copyfile(crops.wide_files[image.image_id], temporary)
        note = image.note
        if image.image_id in crops.label_files:
            classes, kept = crops.label(image), kept + 1
        else:
            # Labels in the folder are those of an interrupted job with the same faces and labeller.
            classes = read_label(place, size=pixels.shape[:2]) if place.is_file() else labeller(pixels)
            found = bool(classes.any())
            new, without = new + found, without + (not found)
            told = f"pseudo-label by {labeller.definition}" if found else f"no face found by {labeller.definition}"
            note = "; ".join(part for part in (note, told) if part)
        if classes.any():
            write_png(place, classes)
        rows.append(replace(image, label=f"labels/{name}" if classes.any() else "", note=note))
        reporter.progress("labelling", at, len(crops.images))
    return rows, (new, kept, without)
