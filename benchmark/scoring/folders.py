"""Scores of a folder of restored images against a folder of sharp ones, without a set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from facedeblur.benchmark.adopt import adopt, matches
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import list_images, pixel_hash, read_photo
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.paths import inside
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.scoring.protocol import Protocol
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.scoring.table import FILE, Scores
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter


@checked
def score_folders(
    sharp: str | Path,
    restored: str | Path,
    *,
    protocol: str | Path | Protocol = "shen2020",
    metrics: Sequence[str] | str | None = None,
    out: str | Path | None = None,
    suffix: str | None = None,
    lossy: bool = False,
    device: str = "cpu",
    plugin: str | Path | None = None,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> Scores:
    """Score restored images against sharp ones of the same names.

    A restored image belongs to the sharp one whose name it begins with. A sharp image without a restored one and a
    restored image of another size are rows of the table that say so, and count as failed.

    Parameters
    ----------
    sharp, restored : path
        Folders of images, also in folders below.
    protocol, metrics, device, plugin, workers, progress
        As for `score`.
    out : path, optional
        The table, ``.parquet`` or ``.csv``. Default ``RESTORED/scores.parquet``.
    suffix, lossy
        As for `facedeblur.benchmark.adopt.adopt`.

    Returns
    -------
    Scores
        Their set is the sharp images. Tables of the same sharp images can be compared.

    Raises
    ------
    InputError
        When no restored image has the name of a sharp one, two have the same, or a metric needs more than the images.
    """
    sharp, restored = Path(sharp), Path(restored)
    file = Path(out) if out else restored / FILE
    with TemporaryDirectory(prefix="facedeblur-") as folder, only_writer(file), reporting(progress) as reporter:
        made, others = _as_set(sharp, restored, Path(folder) / "set", suffix)
        place = Path(folder) / (restored.resolve().name or "restored")
        taken = adopt(made, restored, place, suffix=suffix, lossy=lossy, workers=workers, progress=reporter)
        for note in taken.notes:
            reporter.say(note)
        table = score(
            made, taken.outputs, protocol=protocol, metrics=metrics, device=device, plugin=plugin, workers=workers,
            progress=reporter,
        )  # fmt: skip
        of: dict[str, Any] = {**table.meta.set, "path": _from(sharp, file)}
        run: dict[str, Any] = {**table.meta.run, "path": _from(restored, file)}
        meta = replace(table.meta, set=of, run=run, extra=tuple(others))
        Scores(table.frame, meta).write(file)
    return Scores.read(file) if file.suffix.lower() != ".csv" else Scores(table.frame, meta, file=file)


def _as_set(sharp: Path, restored: Path, out: Path, suffix: str | None) -> tuple[Set, list[str]]:
    """A set of the sharp images whose pairs are the restored ones, and the restored images without a sharp one."""
    sources: dict[str, str] = {}
    for path in list_images(sharp):
        source = path.relative_to(sharp).as_posix()
        if path.stem in sources:
            raise InputError(str(sharp), f"'{sources[path.stem]}' and '{source}' have the same name", do="rename one")
        sources[path.stem] = source
    found, others = matches([path.relative_to(restored).as_posix() for path in list_images(restored)], sources, suffix)
    if not found:
        raise InputError(
            str(restored), f"no file has the name of an image in {sharp}: expected '{next(iter(sources))}.png', found "
            f"'{others[0]}'", do="rename the files, or make a set of the pairs: facedeblur build pairs",
        )  # fmt: skip
    one_ending = len({rest for _, _, rest in found}) == 1
    pairs: dict[str, list[str]] = {name: [] for name in sources}
    for _, name, rest in found:
        pairs[name].append(name if one_ending else name + rest)
    images = [_image(name, sharp, source) for name, source in sources.items()]
    info = {
        "name": sharp.resolve().name, "title": "Sharp images of a folder", "recipe": "", "seed": 0, "sources": [],
        "packages": {"facedeblur": version("facedeblur")},
    }  # fmt: skip
    writer = SetWriter(out, info)
    each = {name: max(1, len(some)) for name, some in pairs.items()}

    def pixels(image: Image) -> np.ndarray:
        return read_photo(inside(sharp, image.source, links=True), min_side=1).pixels

    writer.start(images, pixels, None, n_kernels=each)
    index = 0
    for image in images:
        rows = []
        for pair_id in pairs[image.image_id] or [image.image_id]:
            rows.append(
                Pair(
                    index=index, pair_id=pair_id, image_id=image.image_id, kernel_id="", kernel_size=0,
                    blur_kind="real", border="", noise_sigma=0.0, gamma=1.0, seed=0, sharp=image.sharp,
                    blur=f"blur/{pair_id}.png", sha256="",
                )
            )  # fmt: skip
            index += 1
        writer.append(rows)
    return writer.finish(), others


def _image(name: str, folder: Path, source: str) -> Image:
    photo = read_photo(folder / source, min_side=1)
    height, width = photo.pixels.shape[:2]
    return Image(
        image_id=name, identity=name, role="test", status="ok", n_faces=-1, source=source, transform="", coverage=1.0,
        margin=0, label="", width=width, height=height, sha256=pixel_hash(photo.pixels), note=photo.note,
    )  # fmt: skip


def _from(path: Path, file: Path) -> str:
    return Path(os.path.relpath(path.resolve(), file.resolve().parent)).as_posix()
