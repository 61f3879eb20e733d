"""A small real set with the outputs of four methods, one of them named to break a page, and made-up score tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from facedeblur.benchmark.files.images import pixel_hash
from facedeblur.benchmark.files.kernel_bank import Bank
from facedeblur.benchmark.files.stores import write_pixels
from facedeblur.benchmark.files.tables import write_rows
from facedeblur.benchmark.outputs import Outputs, Status
from facedeblur.benchmark.scoring.table import KEYS, Column, ScoreMeta, Scores
from facedeblur.benchmark.sets.classes import GROUPS, HELEN
from facedeblur.benchmark.sets.set import Image, Pair, Set
from facedeblur.benchmark.sets.traits import NO_TRAITS, Traits
from facedeblur.benchmark.sets.writer import SetWriter
from facedeblur.benchmark.whole_set.parsing import NO_LABEL, SHARP_FILE, Parsing
from facedeblur.benchmark.whole_set.recognition import Curve, Recognition
from facedeblur.benchmark.whole_set.run import NO_FACE
from facedeblur.reports.page.report import report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = "<script>alert(1)</script>"
TRAITS = Traits(
    ("yaw", HOSTILE), {"face0": ("-31", "1"), "face1": ("3", "0"), "face2": ("15", "1"), "face3": ("",) * 2}
)
SECOND = "dark & <i>small</i>"
PSNR = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
SSIM = Column("ssim[matlab3d,s1.5,w11]", "SSIM", "", True, -1.0)
FOUND = Column("detection[dlib-hog]", "Face found (dlib-hog)", "fraction", True, 0.0)
DISTANCE = Column("identity[dlib-resnet@0123abcd,l2]", "Identity L2 (dlib-resnet)", "", False, 2.0)
COLUMNS = (PSNR, SSIM, FOUND, DISTANCE)


@dataclass(frozen=True)
class Bench:
    """What lies on disk: the set, and outputs folders with ``scores.parquet``, by method."""

    set: Path
    outputs: dict[str, Path]

    @property
    def tables(self) -> list[Path]:
        return list(self.outputs.values())


def make_scores(
    method: str,
    psnr: Sequence[float],
    *,
    oracle: bool = False,
    columns: tuple[Column, ...] = COLUMNS,
    status: dict[int, str] | None = None,
    set_hash: str = "a1" * 32,
    run: dict[str, Any] | None = None,
    other: dict[str, Any] | None = None,
) -> Scores:
    """A table in memory, ten pairs a face, kernel sizes 13 to 27; the other metrics follow from PSNR."""
    values = np.asarray(psnr, float)
    n = len(values)
    index = np.arange(n)
    finite = np.where(np.isinf(values), 60.0, values)
    made = {
        PSNR.signature: values,
        SSIM.signature: np.clip(finite / 40, 0, 1),
        FOUND.signature: (finite > 20).astype(float),
        DISTANCE.signature: np.clip(1.5 - finite / 40, 0, 2),
    }
    frame = pd.DataFrame(
        {
            "index": index,
            "pair_id": [f"p{i:05d}" for i in index],
            "image_id": [f"face{i // 10:04d}" for i in index],
            "identity": [f"person {i // 10}" for i in index],
            "role": "test",
            "kernel_id": [f"ker{i % 10 + 1:02d}" for i in index],
            "kernel_size": 13 + 2 * (index % 8),
            "status": "ok",
            "seconds": 0.01,
            "sha256": "",
        }
    )
    for column in columns:
        frame[column.signature] = made.get(column.signature, values)
    for row, why in (status or {}).items():
        frame.loc[row, "status"] = why
        frame.loc[row, [column.signature for column in columns]] = np.nan
    assert tuple(frame.columns[: len(KEYS)]) == KEYS
    meta = ScoreMeta(
        set={
            "name": "tiny",
            "hash": set_hash,
            "path": "nowhere",
            "seed": 7,
            "counts": {"pairs": n},
            "recipe": "x = 1\n",
        },
        run={"method": method, "oracle": oracle, "hash": f"{method}-hash", "path": "nowhere", **(run or {})},
        protocol="shen2020",
        columns=columns,
        unavailable=(("identity[facenet-vggface2,l2]", "weights file not there"),),
        extra=(),
        versions={"facedeblur": "0.1.0"},
    )
    return Scores(frame, replace(meta, **(other or {})))


@pytest.fixture(scope="session")
def scores_of() -> Callable[..., Scores]:
    """`make_scores`, for tests that need tables only."""
    return make_scores


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Five faces x five kernels on disk; the outputs of an input copy, a sharpener, an oracle and a hostile name."""
    from skimage import data

    root = tmp_path_factory.mktemp("bench")
    rng = np.random.default_rng(0)
    portrait = np.asarray(data.astronaut())
    sharp = {
        f"face{i}": np.ascontiguousarray(portrait[40 + 8 * i : 104 + 8 * i, 190 + 6 * i : 254 + 6 * i])
        for i in range(5)
    }
    kernels = {
        f"ker{i + 1:02d}_k{size}": _streak(size, angle)
        for i, (size, angle) in enumerate([(5, 0), (5, 45), (9, 0), (9, 45), (9, 90)])
    }
    made = _write_set(root / "set", sharp, kernels, rng, traits=TRAITS)
    methods = {"blurred": "blurred", "unsharp": "unsharp", "oracle": "wiener", "hostile": HOSTILE}
    return _run_all(root, made, methods)


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Another set, two darker faces x three kernels, with a name to break a page; one of the methods is not on it."""
    from skimage import data

    root = tmp_path_factory.mktemp("second")
    portrait = np.asarray(data.astronaut()) // 2
    sharp = {f"face{i}": np.ascontiguousarray(portrait[44 + 8 * i : 108 + 8 * i, 196:260]) for i in range(2)}
    kernels = {f"ker{i + 1:02d}_k{size}": _streak(size, 90) for i, size in enumerate([5, 9, 9])}
    made = _write_set(root / "set", sharp, kernels, np.random.default_rng(1), called=SECOND)
    return _run_all(root, made, {"blurred": "blurred", "unsharp": "unsharp", "oracle": "wiener"})


def _run_all(root: Path, made: Set, methods: dict[str, str]) -> Bench:
    return Bench(
        root / "set",
        {
            method: _write_outputs(root / folder, method, made, oracle=method == "wiener")
            for folder, method in methods.items()
        },
    )


@pytest.fixture(scope="session")
def rich(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The same set and outputs with recognition, parsing, and the kernels that one method estimated, beside them."""
    root = tmp_path_factory.mktemp("rich") / "all"
    shutil.copytree(bench.set.parent, root)
    outputs = {method: root / folder.name for method, folder in bench.outputs.items()}
    made = Set.open(root / "set")
    for place, (method, folder) in enumerate(outputs.items()):
        table = Scores.read(folder)
        make_recognition(table, seed=place).write(folder / "recognition.parquet")
        make_parsing(table, seed=place).write(folder / "parsing.parquet")
        if method == "blurred":
            make_parsing(table, seed=9, run_hash="").write(folder / SHARP_FILE)
        if method == "unsharp":
            pairs = list(made.pairs())[:-1]  # of one pair it left none
            kernels = [np.full((pair.kernel_size - 2,) * 2, (pair.kernel_size - 2.0) ** -2) for pair in pairs]
            Bank.of([pair.pair_id for pair in pairs], kernels).save(folder / "kernels.npz")
    return Bench(root / "set", outputs)


def make_recognition(
    table: Scores, *, seed: int = 0, run_hash: str | None = None, embedder: str = "net@0"
) -> Recognition:
    """Made-up ranks of the table's pairs in a gallery of 12 people; the first probe has no face."""
    frame, rng = table.frame, np.random.default_rng(seed)
    ranks = rng.integers(1, 8 + seed, len(frame))
    ranks[0] = 0
    keys = ["index", "pair_id", "image_id", "identity", "kernel_id", "kernel_size"]
    rows = frame[keys].assign(status=np.where(ranks == 0, NO_FACE, "ok"), rank=ranks.astype(np.int32))
    rows = rows.assign(same_distance=0.5, other_distance=1.0)

    def curve(of: np.ndarray) -> Curve:
        return Curve(
            len(of), int((of == 0).sum()), 0, tuple(float(((of > 0) & (of <= k)).mean()) for k in range(1, 25))
        )

    clear = curve(np.ones(3, int))
    return Recognition(
        method=table.meta.method, oracle=table.meta.oracle, set_name="tiny", set_hash=table.meta.set["hash"],
        run_hash=table.meta.run["hash"] if run_hash is None else run_hash, embedder=embedder, distance="l2",
        n_gallery=24, gallery_left_out=0, n_identities=12, curve=curve(ranks), clear=clear, leave_one_out=clear,
        verification=None, rows=rows,
    )  # fmt: skip


def make_parsing(table: Scores, *, seed: int = 0, run_hash: str | None = None) -> Parsing:
    """Made-up counts of the table's pairs; one has no label, in one no face was found, and hair is not parsed."""
    frame, rng = table.frame, np.random.default_rng(seed)
    rows = frame[["index", "pair_id", "image_id", "kernel_id", "kernel_size"]].copy()
    rows["status"] = "ok"
    rows.loc[1, "status"], rows.loc[2, "status"] = NO_LABEL, NO_FACE
    for name, groups in GROUPS.items():
        counts = rng.integers([20, 0, 0], [200, 30, 60], (len(rows), len(groups), 3))
        counts[1], counts[2, :, :2] = 0, 0
        rows[name] = [list(map(int, one.ravel())) for one in counts]
    classes = tuple(name for name in HELEN if name != "hair")
    known = (table.meta.method, table.meta.oracle, "tiny", table.meta.set["hash"])
    return Parsing(*known, table.meta.run["hash"] if run_hash is None else run_hash, "parser@0", classes, rows=rows)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    with playwright.sync_playwright() as running:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = running.chromium.launch(executable_path=found, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="session")
def report_file(rich: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every section that there is."""
    return report(rich.tables, tmp_path_factory.mktemp("browser") / "report.html", by=["yaw", HOSTILE])


@pytest.fixture(scope="session")
def sets_file(rich: Bench, second: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two sets."""
    return report([*rich.tables, *second.tables], tmp_path_factory.mktemp("browser") / "sets.html", by=["yaw"])


@pytest.fixture
def opened(browser: Any, report_file: Path) -> Iterator[Any]:
    """The page of one set, with what it complained about and asked for in ``page.trouble``."""
    yield from _opened(browser, report_file)


@pytest.fixture
def opened_sets(browser: Any, sets_file: Path) -> Iterator[Any]:
    """The page of two sets, just so."""
    yield from _opened(browser, sets_file)


@pytest.fixture(params=["report_file", "sets_file"])
def either_file(request: pytest.FixtureRequest) -> Path:
    """A report of one set, and one of two."""
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def either(browser: Any, either_file: Path) -> Iterator[Any]:
    """The page of one set, and that of two."""
    yield from _opened(browser, either_file)


def _opened(browser: Any, file: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    # Waits end with what is waited for; only a page that is broken takes so long.
    context.set_default_timeout(180_000)
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda message: page.trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: page.trouble.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith(("file://", "data:")) or page.trouble.append(request.url))
    page.on("dialog", lambda dialog: page.trouble.append(f"dialog: {dialog.message}") or dialog.dismiss())
    page.goto(file.as_uri())
    yield page
    assert page.trouble == []
    context.close()


def _streak(size: int, angle: float) -> np.ndarray:
    kernel = np.zeros((size, size))
    kernel[size // 2] = 1
    turn = cv2.getRotationMatrix2D((size // 2, size // 2), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (size, size))
    return kernel / kernel.sum()


def _write_set(
    root: Path,
    sharp: dict[str, np.ndarray],
    kernels: dict[str, np.ndarray],
    rng: np.random.Generator,
    *,
    called: str = "tiny",
    traits: Traits = NO_TRAITS,
) -> Set:
    info = {
        "name": called,
        "recipe": "name = 'tiny'\n",
        "seed": 3,
        "sources": [{"name": "scikit-image"}],
        "packages": {"numpy": "2"},
    }
    writer = SetWriter(root, info)
    images = [
        Image(name, f"person {name[-1]}", "test", "ok", 1, "a.png", "", 1.0, 0, "", 64, 64, pixel_hash(pixels), "")
        for name, pixels in sharp.items()
    ]
    writer.start(
        images,
        lambda image: sharp[image.image_id],
        Bank.of(list(kernels), list(kernels.values())),
        n_kernels=len(kernels),
        traits=traits,
    )
    index = 0
    for image in images:
        pairs = []
        for kernel_id, kernel in kernels.items():
            blurred = cv2.filter2D(sharp[image.image_id], -1, kernel, borderType=cv2.BORDER_REFLECT)
            blurred = np.clip(blurred + rng.normal(0, 2, blurred.shape), 0, 255).astype(np.uint8)
            name = f"{image.image_id}_{kernel_id}"
            pair = Pair(
                index, name, image.image_id, kernel_id, len(kernel), "uniform", "reflect", 0.01, 1.0, 3,
                image.sharp, f"blur/{name}.png", pixel_hash(blurred),
            )  # fmt: skip
            write_pixels(writer.work, pair.blur, index, blurred, store="png")
            pairs.append(pair)
            index += 1
        writer.append(pairs)
    return writer.finish()


def _write_outputs(root: Path, method: str, made: Set, *, oracle: bool) -> Path:
    root.mkdir()
    info = {
        "schema": 1, "method": method, "version": "1", "oracle": oracle, "store": "png", "weights": {}, "options": {},
        "set": {"name": made.name, "hash": made.content_hash}, "device": "cpu",
        "timings": {"images": 25, "mean_s": 0.002, "median_s": 0.002, "std_s": 0.0, "device": "cpu"},
    }  # fmt: skip
    statuses = []
    rows: list[dict[str, Any]] = []
    for pair in made.pairs():
        image = made.images[pair.image_id]
        sharp, blurred = made.sharp(image).astype(float), made.blurred(pair).astype(float)
        sharper = blurred + 0.6 * (blurred - cv2.GaussianBlur(blurred, (0, 0), 2))
        restored = {"blurred": blurred, "unsharp": sharper, "wiener": 0.3 * blurred + 0.7 * sharp}
        pixels = np.clip(restored.get(method, 0.9 * blurred), 0, 255).astype(np.uint8)
        status, sha = "ok", pixel_hash(pixels)
        if method == HOSTILE and pair.index in (1, 6):
            status, sha = "failed: <b>out of memory</b>", ""
        else:
            write_pixels(root, pair.name, pair.index, pixels, store="png")
        statuses.append(Status(pair.index, pair.pair_id, status, 0.002, sha))
        error = float(np.mean((pixels.astype(float) - sharp) ** 2))
        psnr = 10 * np.log10(255**2 / error) if status == "ok" else np.nan
        row = {"index": pair.index, "pair_id": pair.pair_id, "image_id": pair.image_id, "identity": image.identity}
        row |= {"role": image.role, "kernel_id": pair.kernel_id, "kernel_size": pair.kernel_size}
        row |= {"status": status, "seconds": 0.002, "sha256": sha, PSNR.signature: psnr, SSIM.signature: psnr / 40}
        row |= {FOUND.signature: float(psnr > 20) if status == "ok" else np.nan, DISTANCE.signature: 1.5 - psnr / 40}
        rows.append(row)
    (root / "run.json").write_text(json.dumps(info))
    write_rows(root / "status.csv", Status, statuses)
    opened = Outputs.open(root, made)
    meta = ScoreMeta(
        set={**{key: made.info[key] for key in ("name", "seed", "recipe", "counts", "store", "sources", "packages")},
             "hash": made.content_hash, "path": "../set"},
        run={**opened.info, "hash": opened.run_hash, "path": "."},
        protocol="shen2020", columns=COLUMNS, unavailable=(("identity[facenet-vggface2,l2]", "weights <missing>"),),
        extra=("stray & lost.png",), versions={"facedeblur": "0.1.0"},
    )  # fmt: skip
    Scores(pd.DataFrame(rows), meta).write(root / "scores.parquet")
    return root
