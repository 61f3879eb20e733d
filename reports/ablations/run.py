"""Train, run and score the rows of an ablation, and fill the paper's table with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.atomic import write_json
from facedeblur.benchmark.files.lock import only_writer
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.options import checked, one_of
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.parallel import ALL, Workers
from facedeblur.benchmark.reporter import Reporter, reporting
from facedeblur.benchmark.resume import check_same
from facedeblur.benchmark.scoring.score import score
from facedeblur.benchmark.sets.leaks import Leak, face_leaks
from facedeblur.benchmark.sets.set import Set
from facedeblur.generators.build import build
from facedeblur.generators.pairs.sharp_source import SharpSource, size_of
from facedeblur.generators.photos.collection import Collection
from facedeblur.generators.photos.opening import Photos, open_collection, specs_of
from facedeblur.generators.photos.specs import Selection
from facedeblur.methods.nets.base import declared
from facedeblur.methods.parsing import parse
from facedeblur.methods.running.execution import Execution
from facedeblur.methods.running.runner import run
from facedeblur.methods.training.data.pairs import open_data
from facedeblur.methods.training.devices import AUTO, Hardware
from facedeblur.methods.training.loop import USUAL, Records
from facedeblur.methods.training.recipe import TrainRecipe
from facedeblur.methods.training.trainer import check_losses, train
from facedeblur.reports.ablations.spec import RECORD, Row, Scale, faces_of, load_ablations, recipe_of
from facedeblur.reports.figures.papers.spec import load_figures, papers
from facedeblur.reports.tables.files import write
from facedeblur.reports.tables.layouts import Layout
from facedeblur.reports.tables.measured import read_runs
from facedeblur.reports.tables.table import PaperTable, fill


@checked
def ablate(
    paper: str,
    table: str,
    faces: Photos,
    tests: Mapping[str, Photos],
    out: str | Path,
    *,
    scale: str = "full",
    rows: Sequence[str] = (),
    seed: int = 0,
    hardware: Hardware = AUTO,
    workers: Workers | int = ALL,
    progress: Reporter | bool | None = None,
) -> PaperTable:
    """Train the networks of a paper's ablation, run and score them, and fill the paper's table.

    Call it again to resume, or with other rows, tables of the same paper or test sets: networks and outputs of earlier
    calls stay, and a stage that rows share is trained once for all of them. The table has the rows and test sets of
    this call.

    Parameters
    ----------
    paper, table : str
        ``shen2020``, ``lin2020``, ``dfpgnet`` or ``umsn``, and the number of the table; or a TOML file as in
        ``reports/ablations``.
    faces : path or sequence of paths
        Photographs to train on, with labels where the networks need them.
    tests : mapping
        Name of each test set -> its photographs, which must be others. Of dfpgnet the names are those of its data sets,
        ``MSPL-Center`` and ``Shen``, which are made by different recipes.
    out : path
        Gets ``networks/``, ``sets/``, ``outputs/`` and ``tables/``.
    scale : str
        ``full``, or one that divides widths, steps and faces; the table names it.
    rows : sequence of str
        Labels of the rows, as printed; by default all.
    seed : int
        Of weights, pairs and test sets.
    hardware : Hardware
        What the networks are trained and run on.
    workers : Workers or int
        Where photographs are aligned and outputs are scored.
    progress : Reporter or bool, optional
        True shows progress bars, False does not; by default they are shown in a notebook.

    Returns
    -------
    PaperTable
        Its remarks name the test sets whose photographs or identities are also trained on.

    Raises
    ------
    InputError
        When something given cannot be used, or `out` holds an ablation of another scale, seed or other faces.
    """
    made = load_ablations(paper)
    found, layout = made.find(table)
    size = made.at(scale)
    labels = [row.label for row in found.row]
    for name in rows:
        one_of("row", name, labels, of=f"{layout.document}, {layout.table}")
    chosen = [row for row in found.row if not rows or row.label in rows]
    if not tests:
        raise InputError("an ablation needs a test set", do="give one as NAME=FOLDER")
    recipes = {name: made.test_recipe(name) for name in tests}
    # Whatever can be found wrong is found before the first row is trained, which may take days.
    count = None if size.faces == 1 else max(5, _TEST_FACES // size.faces)
    for row in chosen:
        check_losses(recipe_of(row, size))
    for photographs in tests.values():
        open_collection(photographs, Selection(limit=count), seed=seed)
    root = Path(out)
    with only_writer(root), reporting(progress) as whole:
        reporter = _once(whole)
        _recorded(root, {"paper": made.paper, "scale": size.described, "seed": seed, "faces": _text(faces)})
        sets = {}
        for name, photographs in tests.items():
            sets[name] = build(recipes[name], photographs, root / "sets" / name, name=name, seed=seed,
                               selection=Selection(limit=count), workers=workers, progress=reporter)  # fmt: skip
        leaking = _leaking(chosen, size, faces, sets, root, seed, workers, reporter)
        for line in leaking:
            reporter.say(line)
        outputs: dict[str, list[Outputs]] = {}
        for row in chosen:
            reporter.say(f"{layout.table}, row '{row.label}'")
            number = labels.index(row.label) + 1
            net, weights = _trained(row, size, faces, root, seed, hardware, workers, reporter)
            for name, the_set in sets.items():
                place = root / "outputs" / f"table{layout.number}" / f"{number}-{name}"
                label = row.label if size.name == "full" else f"{row.label}, {size.name} scale"
                parsed = _keeps(layout, recipe_of(row, size), the_set)
                keep = tuple(dict.fromkeys([*parsed, *_pictured(made.paper, layout.number, row.label)]))
                done = run(net, the_set, place, weights=weights, name=label, keep=keep,
                           execution=Execution(hardware.device), progress=reporter)  # fmt: skip
                if parsed:
                    parse(the_set, done.root / "parsing", workers=workers, progress=reporter)
                outputs.setdefault(name, []).append(done)
        named = {} if isinstance(made.test, str) else {the_set.content_hash: name for name, the_set in sets.items()}
        filled = _filled(layout, size, made.paper, sets, outputs, named, workers, reporter)
        filled = replace(filled, remarks=(*leaking, *filled.remarks))
        write([filled], root / "tables")
    return filled


def _keeps(layout: Layout, recipe: TrainRecipe, the_set: Set) -> tuple[str, ...]:
    """What a run keeps for the table: the parsing that the network reads, if its F-score is wanted and there is one."""
    wanted = any(one.how.kind == "labels" for one in layout.measures)
    labelled = any(image.label for image in the_set.images.values())
    has_one = "parsing" in declared(recipe.network).keeps and recipe.config.get("semantics", "predicted") == "predicted"
    return ("parsing",) if wanted and labelled and has_one and recipe.stage[-1].until != "coarse" else ()


def _pictured(paper: str, table: str, label: str) -> tuple[str, ...]:
    """What the figures of the paper show of a row, next to the image that its network restores."""
    if paper not in papers():
        return ()
    figures = load_figures(paper)
    names = [one.name for one in figures.slot if (one.table, one.row) == (table, label)]
    return tuple(dict.fromkeys(kept for figure in figures.figure for name in names for kept in figure.kept(name)))


_FEW = Records(check=100)
"""A tenth of a short stage would be a few steps, and the checks would take longer than those."""

_TEST_FACES = 100
"""Sharp faces in the test sets of Shen et al."""


def _text(faces: Photos) -> list[str]:
    """What photographs an ablation is trained on, for its record."""
    return [
        f"{one.name}:{one.root} {_digest([photograph.source for photograph in one.photographs])}"
        if isinstance(one, Collection)
        else str(one)
        for one in specs_of(faces)
    ]


def _recorded(root: Path, wanted: dict[str, object]) -> None:
    """Refuse the folder of another ablation."""
    file = root / RECORD
    do = "choose another folder"
    if file.is_file():
        check_same(file, read_json(file, dict[str, object], "the record of an ablation", do=do), wanted,
                   of="an ablation", do=do)  # fmt: skip
    else:
        root.mkdir(parents=True, exist_ok=True)
        write_json(file, wanted)


def _trained(
    row: Row,
    scale: Scale,
    faces: Photos,
    root: Path,
    seed: int,
    hardware: Hardware,
    workers: Workers | int,
    reporter: Reporter,
) -> tuple[str, Path]:
    """The network of a row and its weights: each stage in a folder of its own, which rows alike up to there share."""
    recipe = recipe_of(row, scale)
    aligned = _aligned(recipe, root)
    weights = None
    for first, last in _parts(recipe):
        upto = replace(recipe, stage=recipe.stage[:last])
        described = upto.described()
        key = _digest([described[name] for name in ("network", "config", "data", "stage")])
        name = f"{recipe.stage[last - 1].name}-{key}"
        done = train(
            replace(upto, name=f"{recipe.network}-{name}"), faces, root / "networks" / name, stage=f"{first}-{last}",
            begin=weights, seed=seed, hardware=hardware, workers=workers, progress=reporter, workspace=aligned,
            records=_records(scale),
            selection=Selection(limit=faces_of(recipe, scale)),
        )  # fmt: skip
        weights = done.weights
    assert weights is not None
    return recipe.network, weights


def _once(reporter: Reporter) -> Reporter:
    """Say each line once: every stage would repeat what it has to say of the photographs."""
    seen: set[str] = set()

    def say(line: str) -> None:
        if line not in seen:
            seen.add(line)
            reporter.say(line)

    return Reporter(reporter.progress, say)


def _records(scale: Scale) -> Records:
    return USUAL if scale.name == "full" else _FEW


def _aligned(recipe: TrainRecipe, root: Path) -> Path:
    """Where the faces that a network is trained on are aligned."""
    pairs = {key: value for key, value in recipe.described()["data"].items() if key != "batch"}
    return root / "faces" / _digest(pairs)


def _leaking(
    rows: Sequence[Row],
    scale: Scale,
    faces: Photos,
    sets: Mapping[str, Set],
    root: Path,
    seed: int,
    workers: Workers | int,
    reporter: Reporter,
) -> tuple[str, ...]:
    """A sentence for each test set with photographs or identities that a row is trained on."""
    found: dict[str, list[Leak]] = {}
    seen = set()
    for row in rows:
        recipe = recipe_of(row, scale)
        aligned, count = _aligned(recipe, root), faces_of(recipe, scale)
        if (aligned, count) in seen:
            continue
        seen.add((aligned, count))
        data = open_data(recipe.data, faces, workspace=aligned, seed=seed, held_out=_records(scale).held_out,
                         selection=Selection(limit=count), workers=workers, progress=reporter)  # fmt: skip
        source = data.train.source
        for name, the_set in sets.items():
            read = partial(_crop, source)
            found.setdefault(name, []).extend(face_leaks(source.faces, read, the_set, workers=workers))
    told = ((name, [_counted(leaks, kind, kinds) for kind, kinds in _KINDS]) for name, leaks in found.items() if leaks)
    return tuple(
        f"The networks are trained on {' and '.join(filter(None, shared))} of test set '{name}', so their values on it "
        "are too good."
        for name, shared in told
    )


_KINDS = (("photograph", "photographs"), ("identity", "identities"))


def _counted(leaks: Sequence[Leak], kind: str, kinds: str) -> str:
    names = sorted({leak.test for leak in leaks if leak.kind == kind})
    return f"{len(names):,} {kind if len(names) == 1 else kinds} (such as {names[0]})" if names else ""


def _crop(source: SharpSource, number: int) -> np.ndarray:
    """A face without what is stored around it."""
    stored = source.read(number)
    top, left = ((had - wanted) // 2 for had, wanted in zip(stored.shape, size_of(source, number), strict=False))
    return stored[top : stored.shape[0] - top, left : stored.shape[1] - left]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _parts(recipe: TrainRecipe) -> list[tuple[int, int]]:
    """First and last numbers of stages that are trained in one folder: those in which a discriminator lives on."""
    cuts = [
        at for at, (one, other) in enumerate(pairwise(recipe.stage), start=1)
        if one.adversary is None or other.adversary is None
    ]  # fmt: skip
    return [(first + 1, last) for first, last in pairwise([0, *cuts, len(recipe.stage)])]


def _filled(
    layout: Layout,
    scale: Scale,
    paper: str,
    sets: Mapping[str, Set],
    outputs: Mapping[str, list[Outputs]],
    named: Mapping[str, str],
    workers: Workers | int,
    reporter: Reporter,
) -> PaperTable:
    metrics = list(dict.fromkeys(one.how.name for one in layout.measures if one.how.kind == "scores"))
    places = []
    for name, done in outputs.items():
        score(sets[name], done, protocol=paper, metrics=metrics, workers=workers, progress=reporter)
        places += [one.root for one in done]
    filled = fill(layout, read_runs(places), named=named)
    if scale.name == "full":
        return filled
    return replace(
        filled,
        layout=replace(layout, caption=f"{layout.caption}; measured at {scale.described}"),
        remarks=(f"Measured networks are trained at {scale.described}.", *filled.remarks),
    )
