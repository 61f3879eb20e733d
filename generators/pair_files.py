"""Files of single pairs: members of a tar shard, or PNG in two folders and a row."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facedeblur.benchmark.files.atomic import replacing, write_bytes, write_text
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.png import encode_rgb
from facedeblur.generators.pairs import VirtualPair, VirtualPairs


@dataclass(frozen=True)
class PairFiles:
    """Pairs `first` to ``last - 1``, for one shard or one part of a manifest, `out`."""

    pairs: VirtualPairs
    out: Path
    first: int
    last: int


def row_of(pair: VirtualPair, seed: int) -> dict[str, Any]:
    """What is noted of a pair."""
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


def write_part(task: PairFiles) -> int:
    """Write pictures to the folders two up and then, atomically, their rows; return how many pairs."""
    rows = []
    root = task.out.parent.parent
    for index in range(task.first, task.last):
        pair, key = task.pairs[index], key_of(index)
        write_bytes(root / "sharp" / f"{key}.png", encode_rgb(pair.sharp))
        write_bytes(root / "blur" / f"{key}.png", encode_rgb(pair.blurred))
        rows.append(json.dumps({"key": key, **row_of(pair, task.pairs.seed)}))
    write_text(task.out, "\n".join(rows) + "\n")
    return task.last - task.first
