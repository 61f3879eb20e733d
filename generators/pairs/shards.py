"""Virtual pairs in files: shards for webdataset (tar) and datasets (Parquet), folders of PNG, or LMDB for BasicSR.

A shard holds ``KEY.sharp.png``, ``KEY.blur.png`` and ``KEY.json`` for each of its pairs, in order, with fixed dates and
owners, so that the same pairs give the same bytes. Shards, and in a folder the parts of the manifest, get their names
when they are complete, so that an interrupted run can be resumed.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.files.atomic import is_free, replacing, temporary_name, write_bytes, write_json, write_text
from facedeblur.benchmark.files.images import photo_size, pixel_hash
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.parquet import write_table
from facedeblur.benchmark.files.png import encode_rgb
from facedeblur.benchmark.files.schema import read_json, read_json_lines
from facedeblur.benchmark.files.tables import csv_line, write_rows
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.parallel import ALL, HERE, Workers, imap
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.resume import check_same
from facedeblur.benchmark.sets.set import Image
from facedeblur.benchmark.words import many
from facedeblur.generators.pairs.sharp_source import one_size
from facedeblur.generators.pairs.virtual import VirtualPair, VirtualPairs, open_pairs
from facedeblur.generators.photos.opening import Photos

FOLDERS = {
    "folder": ("sharp", "blur"), "basicsr": ("gt", "lq"), "restormer": ("target_crops", "input_crops"),
    "lmdb": ("gt", "lq"),
}  # fmt: skip
"""Forms with a file per image, and the folders of sharp and blurred images."""
FORMATS = ("tar", "parquet", *FOLDERS)
NOTES = "pairs.json"
_PART = 500  # pairs of one task of a folder
_LOOK = 3  # pairs that an estimate is made from
_SPARE = 1.05


@dataclass(frozen=True)
class Room:
    """Bytes that pairs need on disk, estimated from a few of them, and bytes that are free there."""

    needed: int
    free: int


def materialise(
    recipe: str | Path,
    faces: Photos,
    out: str | Path,
    *,
    count: int,
    form: str = "tar",
    shard_size: int = 1000,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
    **options: Any,
) -> VirtualPairs:
    """Open the virtual set of a recipe and a folder of photographs, and write its first pairs.

    Parameters
    ----------
    recipe, faces
        As in `open_pairs`.
    out : path
        Folder of the pairs; aligned faces are kept in ``OUT.faces`` until all pairs are written.
    count : int
    form : str
        One of `FORMATS`: shards for webdataset or Hugging Face datasets; folders named sharp and blur, as BasicSR or as
        Restormer has them; or two LMDB databases as BasicSR has them.
    shard_size, workers, progress
        As in `write_shards`.
    **options
        As in `open_pairs`.

    Returns
    -------
    VirtualPairs

    Raises
    ------
    InputError
        As in `open_pairs` and `write_shards`.
    """
    one_of("format", form, FORMATS)
    out = Path(out)
    workspace = out.with_name(out.name + ".faces")
    with only_writer(out, working=(workspace,)), reporting(progress) as reporter:
        pairs = open_pairs(recipe, faces, workspace=workspace, workers=workers, progress=reporter, **options)
        if form in FOLDERS:
            write_folder(pairs, out, count=count, form=form, workers=workers, progress=reporter)
        else:
            write_shards(pairs, out, count=count, form=form, shard_size=shard_size, workers=workers, progress=reporter)
        shutil.rmtree(workspace, ignore_errors=True)
    return pairs


def write_shards(
    pairs: VirtualPairs,
    out: str | Path,
    *,
    count: int,
    form: str = "tar",
    shard_size: int = 1000,
    workers: Workers | int = HERE,
    progress: Reporter | bool | None = None,
) -> list[Path]:
    """Write pairs 0 to ``count - 1`` to ``OUT/pairs-000000.tar``, ...; ``OUT/pairs.json`` describes them.

    Parameters
    ----------
    pairs : VirtualPairs
    out : path
    count : int
    form : {'tar', 'parquet'}
        Shards for webdataset, or for Hugging Face datasets, where both images are columns.
    shard_size : int
        Pairs in a shard; the last may hold fewer.
    workers : Workers or int
        Where to compute; the files do not depend on it.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook. A `Reporter` gets it instead.

    Returns
    -------
    list of Path
        The shards, in order.

    Raises
    ------
    InputError
        If there are fewer pairs, the folder holds others, or the disk has too little room; nothing is written then.
    """
    with only_writer(out):
        return _write(pairs, Path(out), form, count, shard_size, workers, progress)


def write_folder(
    pairs: VirtualPairs,
    out: str | Path,
    *,
    count: int,
    form: str = "folder",
    workers: Workers | int = HERE,
    progress: Reporter | bool | None = None,
) -> Path:
    """Write pairs 0 to ``count - 1`` as ``OUT/sharp/KEY.png`` and ``OUT/blur/KEY.png``, listed in ``OUT/manifest.csv``.

    Parameters
    ----------
    pairs, out, count, workers, progress
        As in `write_shards`.
    form : str
        One of `FOLDERS`: other names of the folders; ``basicsr`` with a ``meta_info.txt``, and ``lmdb`` with the
        databases ``gt.lmdb`` and ``lq.lmdb`` in their place.

    Returns
    -------
    Path
        The manifest, which is written when all pairs are.

    Raises
    ------
    InputError
        As in `write_shards`.
    """
    out = Path(out)
    manifest = out / "manifest.csv"
    with only_writer(out):
        if form == "lmdb":
            need("lmdb", "io")
        parts = _write(pairs, out, form, count, _PART, workers, progress)
        if parts:
            if form == "basicsr":
                write_meta_info(out / "gt", out / "meta_info.txt")
            elif form == "lmdb":
                for folder in FOLDERS[form]:
                    write_database(out / folder, out / f"{folder}.lmdb")
            with replacing(manifest) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
                names: list[str] = []
                for part in parts:
                    rows = list(read_json_lines(part, dict[str, Any], "rows of pairs", do="remove it and run again"))
                    if not names:
                        names = list(rows[0])
                        stream.write(csv_line(names))
                    stream.writelines(csv_line(row.get(name, "") for name in names) for row in rows)
        for folder in FOLDERS[form] if form == "lmdb" else ():
            shutil.rmtree(out / folder, ignore_errors=True)
        shutil.rmtree(out / "manifest.parts", ignore_errors=True)
    return manifest


def room(pairs: VirtualPairs, out: str | Path, *, count: int, form: str = "tar") -> Room:
    """Estimate what `count` pairs take on disk in a form, one of `FORMATS`, from three of them."""
    looked = sorted({0, count // 2, count - 1} if count else set())[:_LOOK]
    sizes = []
    for index in looked:
        parts = [len(data) for _, data in members(pairs[index], "key", pairs.seed)]
        # Tar pads to 512 bytes behind a header of 512; file systems to 4096.
        block, head = (4096, 0) if form in FOLDERS else (512, 512)
        sizes.append((2 if form == "lmdb" else 1) * sum(head + -(-size // block) * block for size in parts))
    folder = Path(out).absolute()
    while not folder.exists():
        folder = folder.parent
    return Room(int(_SPARE * count * max(sizes, default=0)), shutil.disk_usage(folder).free)


def _write(
    pairs: VirtualPairs, out: Path, form: str, count: int, step: int, workers: Workers | int,
    progress: Reporter | bool | None,
) -> list[Path]:  # fmt: skip
    if not 1 <= count <= len(pairs):
        faces, kernels = many(pairs.n_images, "face"), many(pairs.n_kernels, "kernel")
        raise InputError(
            f"{count:,} pairs",
            expected=f"from 1 to {len(pairs):,}, of {faces} and {kernels}",
            do="write fewer pairs, or give more photographs or repeats",
        )
    if step < 1:
        raise InputError("shard size", expected="at least 1", found=str(step))
    notes = _notes(pairs, form, count, step)
    finished = _begun(out, notes)
    if finished and form in FOLDERS:
        with reporting(progress) as reporter:
            reporter.progress("writing", count, count)
        return []
    suffix = ".jsonl" if form in FOLDERS else f".{form}"
    folder = out / "manifest.parts" if form in FOLDERS else out
    files = [folder / f"pairs-{number:06}{suffix}" for number in range(-(-count // step))]
    missing = [number for number, file in enumerate(files) if not file.is_file()]
    left = sum(min(count, (number + 1) * step) - number * step for number in missing)
    estimate = room(pairs, out, count=count, form=form)
    needed = -(-estimate.needed * left // count)
    if needed > estimate.free:
        raise InputError(
            str(out),
            expected=f"room for {left:,} pairs, about {needed:,} bytes",
            found=f"{estimate.free:,} bytes free",
            do="write fewer pairs, or choose another disk",
        )
    if not (out / NOTES).is_file():
        write_json(out / NOTES, notes)
    if pairs.images:
        write_rows(out / "images.csv", Image, pairs.images)
        # Workers do not need the record.
        pairs = copy(pairs)
        pairs.images = ()
    done = count - left
    work = {"tar": write_tar, "parquet": write_parquet}.get(form, write_part)
    folders = FOLDERS.get(form, FOLDERS["folder"])
    tasks = (
        PairFiles(pairs, files[number], number * step, min(count, (number + 1) * step), folders) for number in missing
    )
    with reporting(progress) as reporter:
        reporter.progress("writing", done, count)
        for made in imap(work, tasks, workers):
            done += made
            reporter.progress("writing", done, count)
    if form not in FOLDERS:
        shards = [{"name": file.name, "bytes": file.stat().st_size} for file in files]
        write_json(out / NOTES, notes | {"complete": True, "shards": shards})
    return files


def _notes(pairs: VirtualPairs, form: str, count: int, step: int) -> dict[str, Any]:
    """What the pairs are, as JSON; another value is another set."""
    spec = pairs.spec.as_dict()
    spec["model"] |= {"kind": type(pairs.spec.model).__name__}
    sha = hashlib.sha256()
    for face in pairs.source.faces[: pairs.n_images]:
        sha.update(f"{face.image_id} {face.identity} {face.margin} {face.sha256}\n".encode())
    notes = {
        "format": form,
        "count": count,
        "of": len(pairs),
        "pairs_per_file": step,
        "seed": pairs.seed,
        "shuffle": pairs.shuffle,
        "size": list(pairs.source.size) if one_size(pairs.source) else "several",
        "images": pairs.n_images,
        "origin": pairs.origin,
        "faces": sha.hexdigest(),
        "spec": spec,
    }
    return dict(json.loads(json.dumps(notes)))


def _begun(out: Path, notes: dict[str, Any]) -> bool:
    """Return whether the folder contains all of these pairs; raise InputError if it contains something else."""
    file = out / NOTES
    if not file.is_file():
        if not is_free(out):
            raise InputError(str(out), "the folder is not empty", do="choose another one")
        return False
    found = read_json(file, dict[str, Any], "the description of these pairs", do="choose another folder")
    check_same(file, found, notes, of="pairs", do="choose another folder, or ask for the same pairs")
    return (out / "manifest.csv").is_file()


@dataclass(frozen=True)
class PairFiles:
    """Pairs `first` to ``last - 1``, for one shard or one part of a manifest, `out`; folders of sharp and blurred."""

    pairs: VirtualPairs
    out: Path
    first: int
    last: int
    folders: tuple[str, str] = FOLDERS["folder"]


def row_of(pair: VirtualPair, seed: int) -> dict[str, Any]:
    """The record of a pair."""
    what = asdict(pair.augmentation) if pair.augmentation is not None else {}
    return {
        "index": pair.index,
        "image_id": pair.image_id,
        "identity": pair.identity,
        "kernel_size": pair.kernel[0],
        "kernel_number": pair.kernel[1],
        "seed": seed,
        "noise_number": pair.number,
        "border": pair.border,
        "sha256_sharp": pixel_hash(pair.sharp),
        "sha256_blur": pixel_hash(pair.blurred),
    } | {f"augment_{name}": value for name, value in what.items()}


def members(pair: VirtualPair, key: str, seed: int) -> Iterator[tuple[str, bytes]]:
    """Files of one pair, by name."""
    yield f"{key}.sharp.png", encode_rgb(pair.sharp)
    yield f"{key}.blur.png", encode_rgb(pair.blurred)
    yield f"{key}.json", json.dumps(row_of(pair, seed)).encode()


def key_of(index: int) -> str:
    """Name of a pair's files."""
    return f"{index:012}"


def write_tar(task: PairFiles) -> int:
    """Write a tar shard, atomically; return how many pairs it holds."""
    with replacing(task.out) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for index in range(task.first, task.last):
            for name, data in members(task.pairs[index], key_of(index), task.pairs.seed):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o644
                archive.addfile(member, io.BytesIO(data))
    return task.last - task.first


def write_parquet(task: PairFiles) -> int:
    """Write a Parquet shard whose columns ``sharp`` and ``blur`` are images to Hugging Face datasets."""
    import pyarrow as pa

    rows = []
    for index in range(task.first, task.last):
        pair, key = task.pairs[index], key_of(index)
        images = {"sharp": pair.sharp, "blur": pair.blurred}
        coded = {name: {"bytes": encode_rgb(pixels), "path": f"{key}.png"} for name, pixels in images.items()}
        rows.append({**coded, "key": key, **row_of(pair, task.pairs.seed)})
    table = pa.Table.from_pylist(rows)
    features = {
        name: {"_type": "Image"} if name in ("sharp", "blur") else {"dtype": _DTYPES[str(kind)], "_type": "Value"}
        for name, kind in zip(table.schema.names, table.schema.types, strict=True)
    }
    told = json.dumps({"info": {"features": features}})
    write_table(task.out, table.replace_schema_metadata({"huggingface": told}))
    return task.last - task.first


_DTYPES = {"string": "string", "int64": "int64", "double": "float64", "bool": "bool"}
"""Types of columns as Hugging Face datasets call them."""


def write_meta_info(folder: Path, file: Path) -> None:
    """Write the table of images that BasicSR reads: ``NAME.png (HEIGHT,WIDTH,3)`` per line, and ``1`` for LMDB."""
    end = " 1" if ".lmdb" in file.parent.name else ""
    sizes = ((path.name, *photo_size(path)) for path in sorted(folder.glob("*.png")))
    write_text(file, "".join(f"{name} ({height},{width},3){end}\n" for name, width, height in sizes))


def write_database(folder: Path, out: Path) -> None:
    """Write the images of a folder into an LMDB database as BasicSR has it, unless it is there.

    Keys are names without suffix, values the bytes of the PNG files; ``meta_info.txt`` lists them.
    """
    if out.exists():
        return
    lmdb = need("lmdb", "io")
    files = sorted(folder.glob("*.png"))
    # A value takes whole pages of 4096 bytes; the tree of keys takes a few more.
    room_needed = sum(file.stat().st_size // 4096 + 4 for file in files) * 4096 + (1 << 20)
    temporary = out.with_name(temporary_name(out.name))
    try:
        with lmdb.open(str(temporary), map_size=room_needed) as environment, environment.begin(write=True) as all_of_it:
            for file in files:
                all_of_it.put(file.stem.encode(), file.read_bytes())
        write_meta_info(folder, temporary / "meta_info.txt")
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_part(task: PairFiles) -> int:
    """Write pictures to the folders two up and then, atomically, their rows; return how many pairs."""
    rows = []
    root = task.out.parent.parent
    for index in range(task.first, task.last):
        pair, key = task.pairs[index], key_of(index)
        for folder, pixels in zip(task.folders, (pair.sharp, pair.blurred), strict=True):
            write_bytes(root / folder / f"{key}.png", encode_rgb(pixels))
        rows.append(json.dumps({"key": key, **row_of(pair, task.pairs.seed)}))
    write_text(task.out, "\n".join(rows) + "\n")
    return task.last - task.first
