"""Damaged files of every format: a command says so in one line, or does its work; it never ends in a traceback."""

from __future__ import annotations

import copy
import csv
import io
import json
import shutil
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from seal import seal

from facedeblur.benchmark.config import read_toml
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.sets.classes import groups_of
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.cli.main import main
from facedeblur.generators.align.journal import AlignJournal, PhotoOutcome
from facedeblur.generators.kernels.files import read_bank, write_bank

SIDE = 32
STRANGE: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 10**40, -(10**40), 0.5, float("nan"), float("inf"), 1e308, "", " ", "ok",
    "x" * 300, "x" * 200_000, "a\0b", "a\rb", "a\nb", "\x1b[31m", "\ud800", "../../out", "/", "é" * 130, [], {}, [[]],
    [None], {"": None}, [1] * 1000, "1e999", "nan", "-0",
]  # fmt: skip
"""Values that stand where another one should."""

DEEP = 100_000


# Mutations: each takes the bytes of a file and gives others.


def truncated(data: bytes, draw: Random) -> bytes:
    return data[: draw.randrange(len(data))]


def flipped(data: bytes, draw: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 4, 40])):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def inserted(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    what = draw.choice(
        [b"\0", b"\r", b"\n", b'"', b",", b"\xff", b"\xed\xa0\x80", b"x" * 200_000, b"[" * DEEP, b"9" * 5000]
    )
    return data[:at] + what + data[at:]


def repeated(data: bytes, draw: Random) -> bytes:
    first, last = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first:]


def cut(data: bytes, draw: Random) -> bytes:
    first = draw.randrange(len(data))
    return data[:first] + data[first + draw.randrange(1, 60) :]


def replaced(data: bytes, draw: Random) -> bytes:
    return draw.choice(
        [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * DEEP, b"\x1f\x8b", b"PK\x03\x04", b"a." * DEEP + b"a = 1"]
    )


def changed_json(data: bytes, draw: Random) -> bytes:
    """One value is another, or is gone."""
    value = json.loads(data)
    places = list(_places(value))
    table, key = draw.choice(places)
    if draw.random() < 0.25:
        del table[key]
    else:
        table[key] = copy.deepcopy(draw.choice(STRANGE))
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield value, key
        yield from _places(inner)


def changed_lines(data: bytes, draw: Random) -> bytes:
    """The same in one line of a journal."""
    lines = data.splitlines()
    at = draw.randrange(len(lines))
    lines[at] = changed_json(lines[at], draw)
    return b"\n".join(lines) + b"\n"


def changed_csv(data: bytes, draw: Random) -> bytes:
    """A cell is another, or a row or a column is missing, twice there or elsewhere."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    row, column = draw.randrange(len(rows)), draw.randrange(len(rows[0]))
    what = draw.randrange(6)
    if what < 3:
        value = draw.choice([*STRANGE, rows[draw.randrange(len(rows))][column]])
        rows[row][column] = "" if value is None else str(value)
    elif what == 3:
        del rows[row]
    elif what == 4:
        for fields in rows:
            del fields[column]
    else:
        rows.insert(draw.randrange(len(rows)), rows[row])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def changed_parquet(data: bytes, draw: Random) -> bytes:
    """A column is missing, null or of another type, rows are missing, or the metadata say something else."""
    table = pq.read_table(io.BytesIO(data))
    name = draw.choice(table.column_names)
    at = table.column_names.index(name)
    what = draw.randrange(6)
    if what == 0:
        table = table.drop_columns([name])
    elif what == 1:
        table = table.set_column(at, name, pa.nulls(table.num_rows, table.schema.field(name).type))
    elif what == 2:
        table = table.set_column(at, name, pa.array([draw.choice(["x", "\0", ""])] * table.num_rows))
    elif what == 3:
        table = table.slice(0, draw.randrange(table.num_rows))
    else:
        metadata = dict(table.schema.metadata or {})
        key = draw.choice(sorted(metadata))
        metadata[key] = draw.choice([changed_json, changed_json, truncated, replaced])(metadata[key], draw)
        table = table.replace_schema_metadata(metadata)
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def changed_npz(data: bytes, draw: Random) -> bytes:
    """An array is another or missing, or its header promises what the file does not hold."""
    arrays = dict(np.load(io.BytesIO(data)))
    name = draw.choice(sorted(arrays))
    what, out = draw.randrange(4), io.BytesIO()
    if what == 0:
        del arrays[name]
    elif what == 1:
        strange = [0, [], [[]], "x", ["a\0"], [1e308] * 3, [np.nan], [[[1]]], True, [[-1.0]], np.zeros((2, 4, 4))]
        arrays[name] = np.array(draw.choice(strange))
    elif what == 2:
        arrays[name] = arrays[name][..., :-1] if arrays[name].ndim else np.array("{" * draw.choice([1, DEEP]))
    np.savez(out, **arrays)
    if what < 3:
        return out.getvalue()
    lies = io.BytesIO()
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(lies, "w", zipfile.ZIP_DEFLATED) as other:
        for member in archive.namelist():
            content = archive.read(member)
            if member == f"{name}.npy":
                shape = draw.choice([(10**12,), (-1,), (2**62, 4), (10**9, 10**9, 10**9), (), (3, 0)])
                header = io.BytesIO()
                descr = draw.choice(["<f8", "<U9", "|O", "<M8[s]", "|V0", "<U0", "|u1"])
                np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
                content = header.getvalue() + draw.choice([content[128:], b"", b"\0" * 1000])
            other.writestr(member, content)
    return lies.getvalue()


RAW = (truncated, flipped, inserted, repeated, cut, replaced)


class Place:
    """A workspace with a set, outputs, scores and everything else, made once and copied for each case."""

    def __init__(self, root: Path):
        self.root = root
        make_set(root / "set")
        made = Set.open(root / "set")
        for name, shift in (("one", 0), ("two", 1)):
            make_outputs(root / name, made, shift)
        assert run("score", root / "set", root / "one", root / "two", "--metric", "psnr", "--jobs", "1")[0] == 0
        assert run("leaderboard", root / "one", root / "two", "-o", root / "board.csv")[0] == 0
        bank = made.bank
        assert bank is not None
        write_bank(bank, root / "user.npz")
        write_bank(bank, root / "user.mat")
        write_bank(bank, root / "user")
        np.save(root / "user.npy", bank.kernels)
        (root / "protocol.toml").write_text(PROTOCOL)
        journal = AlignJournal(root)
        for image in made.images.values():
            journal.add(f"key {image.image_id}", PhotoOutcome(image))
        records(root, made)


PROTOCOL = """
name = "mine"
title = "Mine"
source = "none"

[[metric]]
metric = "psnr"
failure = 0.0
"""


def make_set(root: Path) -> None:
    rng = np.random.default_rng(0)
    sharp = {f"face{n}": rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for n in range(2)}
    images = [
        Image(name, f"id {name}", "test", "ok", 1, f"{name}.jpg", "", 1.0, 0, "", SIDE, SIDE, pixel_hash(pixels), "")
        for name, pixels in sharp.items()
    ]
    images.append(replace(images[0], image_id="blank", status="no face", sha256="", width=0, height=0))
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    bank = Bank.of(["ker01_k03", "ker01_k05"], [np.full((3, 3), 1 / 9), dot])
    info = {"name": "toy", "title": "Toy", "recipe": "name = 'toy'", "seed": 3, "sources": [], "packages": {}}
    writer = SetWriter(root, info)
    writer.start(images, lambda image: sharp[image.image_id], bank, n_kernels=2)
    index = 0
    for image in images[:2]:
        pairs = []
        for kernel, size in zip(bank.ids, bank.sizes, strict=True):
            name, pixels = f"blur/{image.image_id}_{kernel}.png", np.roll(sharp[image.image_id], index + 1, axis=1)
            write_pixels(writer.work, name, index, pixels, store="png")
            pairs.append(
                Pair(index, f"{image.image_id}_{kernel}", image.image_id, kernel, int(size), "uniform", "reflect", 0.01,
                     1.0, 3, image.sharp, name, pixel_hash(pixels))
            )  # fmt: skip
            index += 1
        writer.append(pairs)
    writer.finish()


def make_outputs(root: Path, made: Set, shift: int) -> None:
    rows = [",".join(("index", "pair_id", "status", "seconds", "sha256"))]
    for pair in made.pairs():
        pixels = np.roll(made.blurred(pair), shift, axis=0)
        write_pixels(root, pair.name, pair.index, pixels, store="png")
        rows.append(f"{pair.index},{pair.pair_id},ok,0.5,{pixel_hash(pixels)}")
    (root / "status.csv").write_text("\n".join(rows) + "\n")
    info = {
        "schema": 1, "method": root.name, "name": root.name, "version": "1", "oracle": False, "foreign": False,
        "options": {"a": 1}, "weights": {}, "code": {}, "precision": "fp32", "store": "png", "device": "cpu",
        "set": {"name": made.name, "hash": made.content_hash}, "parameters": 5, "bytes_fp32": 20, "bytes_weights": 9,
        "timings": {"rule": "r", "images": 2, "mean_s": 0.1, "median_s": 0.1, "std_s": 0.0, "device": "d"},
        "memory": {"rule": "r", "peak_bytes": 5}, "notes": ["n"], "stopped": "", "seconds_total": 1.0,
        "counts": {"pairs": 4, "ok": 4, "failed": 0, "not_run": 0}, "given_kernels": None, "versions": {"python": "3"},
    }  # fmt: skip
    (root / "run.json").write_text(json.dumps(info))
    kernel = np.full((3, 3), 1 / 9)
    Bank.of([pair.pair_id for pair in made.pairs()], [kernel] * made.n_pairs).save(root / "kernels.npz")


def records(root: Path, made: Set) -> None:
    pairs = list(made.pairs())
    keys = {name: [getattr(pair, name) for pair in pairs] for name in ("index", "pair_id", "image_id", "kernel_id")}
    keys |= {"kernel_size": [pair.kernel_size for pair in pairs], "status": ["ok"] * len(pairs)}
    of = ("one", False, made.name, made.content_hash, "run")
    ranks = {"identity": ["a"] * len(pairs), "rank": 1, "same_distance": 0.1, "other_distance": 0.2}
    curve = Curve(4, 0, 0, (0.5, 1.0))
    Recognition(
        *of,
        "e",
        "l2",
        2,
        0,
        2,
        curve,
        curve,
        curve,
        None,
        rows=pd.DataFrame({**keys, **ranks})[list(Recognition.columns)],
    ).write(root / "recognition.parquet")
    counts = {name: [[1, 0, 0] * len(groups_of(name))] * len(pairs) for name in Parsing.columns if name not in keys}
    Parsing(*of, "p", ("skin",), rows=pd.DataFrame({**keys, **counts})).write(root / "parsing.parquet")


def run(*words: Any) -> tuple[int, str, str]:
    """Call a command in this process; return its exit code, what it printed and what it said on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            return int(ended.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("a command returns by sys.exit")


Probe = Callable[[Path], tuple[int, str]]


def command(*words: str) -> Probe:
    """A command line on a workspace; ``@x`` is a path in it."""

    def probe(root: Path) -> tuple[int, str]:
        code, _, said = run(*(root / word[1:] if word.startswith("@") else word for word in words))
        return code, said

    return probe


def reader(read: Callable[[Path], Any]) -> Probe:
    """A function that reads a file, which raises InputError where a command would print a line."""

    def probe(root: Path) -> tuple[int, str]:
        try:
            read(root)
        except InputError as error:
            return 2, f"facedeblur: {error}\n"
        return 0, ""

    return probe


CHECK = command("check", "@set")
SCORE = command("score", "@set", "@one", "--metric", "psnr", "--jobs", "1", "-o", "@out/scores.parquet")
BOARD = command("leaderboard", "@one", "@two", "-o", "@out/board.csv")
COMPARE = command("compare", "@one", "@two")
REPORT = command("report", "@one", "@two", "-o", "@out/report.html")
MERGE = command("leaderboard", "@board.json", "-o", "@out/merged.csv")
PROTOCOL_OF = command("score", "@set", "@one", "--protocol", "@protocol.toml", "--jobs", "1", "-o", "@out/s.parquet")


def statuses(root: Path) -> list[Status]:
    return list(Outputs.open(root / "one", Set.open(root / "set")).statuses())


FILES: dict[str, tuple[tuple[Any, ...], tuple[Probe, ...]]] = {
    "set/set.json": ((changed_json,) * 6, (CHECK, SCORE)),
    "set/images.csv": ((changed_csv,) * 6, (CHECK, SCORE)),
    "set/manifest.csv": ((changed_csv,) * 6, (CHECK, SCORE)),
    "set/kernels.npz": ((changed_npz,) * 6, (CHECK,)),
    "one/run.json": ((changed_json,) * 6, (SCORE,)),
    "one/status.csv": ((changed_csv,) * 6, (SCORE,)),
    "one/kernels.npz": ((changed_npz,) * 6, (reader(lambda root: Bank.load(root / "one" / "kernels.npz")),)),
    "one/face0_ker01_k03.png": ((), (SCORE,)),
    "one/scores.parquet": ((changed_parquet,) * 8, (BOARD, COMPARE, REPORT)),
    "board.json": ((changed_json,) * 6, (MERGE,)),
    "protocol.toml": ((), (PROTOCOL_OF, reader(lambda root: read_toml(root / "protocol.toml")))),
    "align.jsonl": ((changed_lines,) * 6, (reader(AlignJournal),)),
    "recognition.parquet": ((changed_parquet,) * 6, (reader(Recognition.read),)),
    "parsing.parquet": ((changed_parquet,) * 6, (reader(lambda root: Parsing.read(root)._repr_html_()),)),
    "user.npz": ((changed_npz,) * 6, (reader(lambda root: read_bank(root / "user.npz", normalise=True, pad=True)),)),
    "user.mat": ((), (reader(lambda root: read_bank(root / "user.mat", normalise=True, pad=True)),)),
    "user.npy": ((), (reader(lambda root: read_bank(root / "user.npy", normalise=True, pad=True)),)),
    "user/kernels.json": ((changed_json,) * 6, (reader(lambda root: read_bank(root / "user")),)),
}
"""Each file with the mutations that know its format, and what reads it."""

SLOW = {REPORT}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Place(tmp_path_factory.mktemp("malformed") / "whole").root


def outside(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def problems(probe: Probe, root: Path) -> list[str]:
    """What is wrong with how a probe ended."""
    before = outside(root)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            code, said = probe(root)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            own = [frame for frame in traceback.extract_tb(error.__traceback__) if "facedeblur" in frame.filename][-1]
            return [
                f"{type(error).__name__}: {str(error)[:200]} at {Path(own.filename).name}:{own.lineno} "
                f"({Path(last.filename).name}:{last.lineno})"
            ]
    wrong = [] if code in (0, 1, 2) else [f"exit {code}"]
    lines = said.splitlines()
    if code == 2 and (len(lines) != 1 or not lines[0].startswith("facedeblur: ")):
        wrong.append(f"{len(lines)} lines: {said[:300]!r}")
    if any(len(line) > 3000 for line in lines):
        wrong.append(f"a line of {max(map(len, lines))} characters")
    after = {name: data for name, data in outside(root).items() if not name.startswith("out/")}
    if after != before:
        wrong.append(f"files changed: {sorted(set(after) ^ set(before)) or 'contents'}")
    return wrong


@pytest.mark.parametrize("file", list(FILES))
def test_a_damaged_file_is_one_line(file, place, trials, tmp_path):
    known, probes = FILES[file]
    whole = (place / file).read_bytes()

    def mutations() -> Iterator[Any]:
        while True:
            yield trials.draw.choice([*RAW, *known])

    for number, mutation in enumerate(trials.of([], mutations(), few=8)):
        data = mutation(whole, trials.draw)
        root = tmp_path / str(number)
        shutil.copytree(place, root)
        (root / file).write_bytes(data)
        if file.startswith("set/") and file != "set/set.json" and trials.draw.random() < 0.7:
            with suppress(InputError, OSError):
                seal(root / "set")  # or the hash of the set would be all that is looked at
        probe = trials.draw.choice([one for one in probes if one not in SLOW or trials.draw.random() < 0.2] or probes)
        wrong = problems(probe, root)
        trials.enter(
            f"{file}, {mutation.__name__}, case {number}: {data[:80]!r}" if wrong else file, wrong, "malformed"
        )
        shutil.rmtree(root)
    trials.check()
