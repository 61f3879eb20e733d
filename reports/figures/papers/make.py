"""Draws the figures of papers from a user's results, and says what each needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.schema import read_json
from facedeblur.benchmark.options import one_of
from facedeblur.benchmark.outputs import Outputs
from facedeblur.benchmark.scoring.table import Scores
from facedeblur.benchmark.sets.set import Set
from facedeblur.methods.nets.base import NETS, declared
from facedeblur.reports.ablations.spec import RECORD, load_ablations
from facedeblur.reports.figures.choice import Chosen, choose_pairs, table_of
from facedeblur.reports.figures.columns import Own, Shown, named, of_outputs, own
from facedeblur.reports.figures.drawing import Box, Corner, draw
from facedeblur.reports.figures.grid import Kernels, collect
from facedeblur.reports.figures.measures import Bar, bars, curves, points_of
from facedeblur.reports.figures.papers.spec import PaperColumn, PaperFigure, PaperFigures, Slot
from facedeblur.reports.figures.style import DPI
from facedeblur.reports.figures.training import logs_of, training

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Wishes:
    """What a user chooses of a figure; the rest is as the paper has it.

    Attributes
    ----------
    pairs, by, seed
        See `facedeblur.reports.figures.choice.choose_pairs` and `table_of`.
    insets : sequence of (x, y, w, h)
    smooth : bool
    captions : bool
        Whether numbers are below the pictures.
    metrics : sequence of str
        Of curves and bars; by default those of the paper.
    width : float
        Inches; 0 for that of the paper.
    """

    pairs: str = ""
    by: str | None = None
    seed: int = 0
    insets: Sequence[Box] = ()
    smooth: bool = False
    captions: bool = True
    metrics: Sequence[str] = ()
    width: float = 0.0


@dataclass(frozen=True)
class Made:
    """A figure, its dots per inch, the pairs that it shows, and what a reader of it should know."""

    figure: Figure
    dpi: float = DPI
    chosen: Sequence[Chosen] = ()
    remarks: Sequence[str] = field(default=())


def make(
    paper: PaperFigures, number: str, given: Sequence[str], *, ablation: str | Path | None = None,
    wishes: Wishes = Wishes(),
) -> Made:  # fmt: skip
    """Draw a figure of a paper.

    Parameters
    ----------
    paper : PaperFigures
    number : str
    given : sequence of str
        For a grid first the set, then ``NAME=OUTPUTS`` for its slots; for bars and curves ``NAME=SCORES`` and
        ``LABEL:X=SCORES``; for logs ``NAME=FOLDER``.
    ablation : path, optional
        Folder that ``facedeblur ablate -o`` wrote, whose rows fill the slots that are not given. Where it has one set,
        that need not be given.
    wishes : Wishes

    Returns
    -------
    Made
        Its remarks name the slots that were left out.

    Raises
    ------
    InputError
        When the figure is no result, a name is no slot of it, nothing is given, or a result cannot be used.
    """
    wanted = paper.find(number)
    where = f"figure {wanted.number} of {paper.paper}"
    if not wanted.drawn:
        raise InputError(f"{where} is not drawn from results here: {wanted.why or wanted.shows}")
    _check_wishes(wanted, where, wishes, ablation)
    width = wishes.width or wanted.width
    metrics = wishes.metrics or wanted.metrics
    if wanted.kind == "curves":
        points = points_of(given)
        for point in points:
            one_of(f"what varies in {where}:", point.panel, wanted.labels)
        absent = [label for label in wanted.labels if label not in {point.panel for point in points}]
        points.sort(key=lambda point: wanted.labels.index(point.panel))
        points = [replace(point, panel=point.panel.replace("lambda", "λ")) for point in points]
        remarks = [f"left out, since not given: {', '.join(absent)}"] if absent else []
        return Made(curves(points, metrics=metrics, width=width), remarks=remarks)
    if wanted.kind == "training":
        return Made(training(logs_of(given), columns=wanted.show, width=width))
    places, found = _sorted(given, wanted, where)
    if wanted.kind == "bars":
        if places:
            raise InputError(f"'{places[0]}'", expected="NAME=SCORES", found="no name", do="name the result")
        return _bars(paper, wanted, found, where, metrics, width)
    scale = "" if ablation is None else _scale_of(paper, Path(ablation))
    opened = _set_of(places, ablation, where)
    if ablation is not None:
        found = _from_ablation(paper, wanted, opened, Path(ablation)) | found
    made = _grid(paper, wanted, opened, found, where, wishes, width)
    return replace(made, remarks=[*made.remarks, f"networks of the ablation: {scale}"]) if scale else made


def _check_wishes(wanted: PaperFigure, where: str, wishes: Wishes, ablation: str | Path | None) -> None:
    """Refuse what this kind of figure has no use for."""
    if wanted.kind == "grid":
        if wishes.metrics:
            raise InputError(f"{where} shows images, not metrics", do="leave out --metric")
        return
    if ablation is not None:
        of = "logs of trainings" if wanted.kind == "training" else "score tables"
        raise InputError(f"{where} is drawn from {of}", do="leave out --ablation, and give the results by name")
    if wishes.pairs or wishes.by or wishes.insets:
        raise InputError(f"{where} shows no images", do="leave out --pairs, --by and --inset")


def _scale_of(paper: PaperFigures, root: Path) -> str:
    """At what scale the networks of an ablation are trained; empty for the paper's own."""
    record = read_json(
        root / RECORD, dict[str, object], "the record of an ablation", do="give what facedeblur ablate -o wrote"
    )
    if record.get("paper") != paper.paper:
        raise InputError(
            str(root), expected=f"an ablation of {paper.paper}", found=f"one of {record.get('paper')}",
            do="choose another folder",
        )  # fmt: skip
    scale = str(record.get("scale", ""))
    return "" if scale == "full scale" else scale


def _sorted(given: Sequence[str], wanted: PaperFigure, where: str) -> tuple[list[str], dict[str, str]]:
    """What has no name, and what has one, by it."""
    places: list[str] = []
    found: dict[str, str] = {}
    for text in given:
        name, place = named(text)
        if not name:
            places.append(place)
            continue
        if not wanted.open:
            one_of("result", name, wanted.slots, of=where)
        if name in found:
            raise InputError(f"'{name}' is given twice", do="give each result once")
        found[name] = place
    return places, found


def _set_of(places: Sequence[str], ablation: str | Path | None, where: str) -> Set:
    if len(places) > 1:
        raise InputError(f"'{places[1]}'", expected="NAME=OUTPUTS", found="no name",
                         do=f"name the result; facedeblur figure paper lists the names of {where}")  # fmt: skip
    if places:
        return Set.open(places[0])
    sets = sorted(Path(ablation).glob("sets/*/set.json")) if ablation is not None else []
    if len(sets) != 1:
        names = f"; the ablation has {', '.join(one.parent.name for one in sets)}" if sets else ""
        raise InputError(f"{where} needs a set{names}", do="give it before the results")
    return Set.open(sets[0].parent)


def _from_ablation(paper: PaperFigures, wanted: PaperFigure, opened: Set, root: Path) -> dict[str, str]:
    """The outputs of an ablation by the slots that they fill."""
    made = load_ablations(paper.paper)
    found = {}
    for slot in map(paper.called, wanted.slots):
        if slot.row:
            table, layout = made.find(slot.table)
            number = [row.label for row in table.row].index(slot.row) + 1
            place = root / "outputs" / f"table{layout.number}" / f"{number}-{opened.name}"
            if place.is_dir():
                found[slot.name] = str(place)
    return found


def _chosen(paper: PaperFigures, wanted: PaperFigure, found: dict[str, str], where: str) -> tuple[
    list[PaperColumn], list[str]
]:  # fmt: skip
    """The columns for which there is something, those of the user's own before the last result, and what is missing."""
    columns = [one for one in wanted.column if one.own or one.of in found]
    if not any(not one.own for one in columns) and not set(found) - set(wanted.slots):
        names = ", ".join(f"{name}=OUTPUTS" for name in wanted.slots) or "NAME=OUTPUTS"
        raise InputError(f"{where} needs results", do=f"give some of {names}")
    results = [place for place, one in enumerate(columns) if not one.own]
    at = results[-1] if results else len(columns)
    line = columns[at].line if results else 1
    added = [PaperColumn(name, name, line=line) for name in found if name not in wanted.slots]
    absent = [name for name in wanted.slots if name not in found]
    remarks = [f"left out, since not given: {', '.join(absent)}"] if absent else []
    return columns[:at] + added + columns[at:], remarks


def _title(paper: PaperFigures, wanted: PaperFigure, one: PaperColumn) -> str:
    return one.title or ("" if one.own or one.of not in wanted.slots else paper.called(one.of).title)


def _grid(
    paper: PaperFigures, wanted: PaperFigure, opened: Set, found: dict[str, str], where: str, wishes: Wishes,
    width: float,
) -> Made:  # fmt: skip
    columns, remarks = _chosen(paper, wanted, found, where)
    if not opened.has_sharp and any(one.of == "set:sharp" for one in columns):
        columns = [one for one in columns if one.of != "set:sharp"]
        remarks.append(f"left out: the sharp images, which set '{opened.name}' does not have")
    shown = [_shown(paper, wanted, opened, one, found) for one in columns]
    runs = [one.source for one in shown if isinstance(one.source, Outputs)]
    remarks += [
        f"no kernels: {_title(paper, wanted, one)}, whose run left none; restore with --keep kernel, if it can"
        for one, column in zip(columns, shown, strict=True)
        if one.kernel and isinstance(column.source, Outputs) and not column.source.has_kernels
    ]
    # Kept results have no scores of their own; of a figure that shows nothing else, those of their runs choose.
    unkept = [one for one in runs if not one.info.get("kept")] or _runs_of(columns, opened, found)
    # The paper's own method, the last one, says which pairs are worst.
    chosen = choose_pairs(
        opened, [word for word in (wishes.pairs or wanted.pairs).split(",") if word],
        by=table_of(unkept[::-1], wishes.by), seed=wishes.seed,
    )  # fmt: skip
    lines = [sum(one.line == line for one in columns) for line in sorted({one.line for one in columns})]
    order = sorted(range(len(columns)), key=lambda place: columns[place].line)
    grid = collect(opened, [shown[place] for place in order], chosen, kernels=cast(Kernels, wanted.kernels))
    drawn, dpi = draw(
        grid, insets=wishes.insets, width=width, captions=wishes.captions and wanted.captions, smooth=wishes.smooth,
        wrap=lines if len(lines) > 1 else 0, turned=wanted.turned, corner=cast(Corner, wanted.corner),
    )  # fmt: skip
    return Made(drawn, dpi, chosen, remarks)


def _runs_of(columns: Sequence[PaperColumn], opened: Set, found: dict[str, str]) -> list[Outputs]:
    """The runs that the results of columns were kept by, each once."""
    sources = [
        of_outputs(found[name], opened).source for name in dict.fromkeys(one.of for one in columns if not one.own)
    ]
    return [one for one in sources if isinstance(one, Outputs)]


def _shown(paper: PaperFigures, wanted: PaperFigure, opened: Set, one: PaperColumn, found: dict[str, str]) -> Shown:
    title = _title(paper, wanted, one)
    if one.own:
        return own(cast(Own, one.of.removeprefix("set:")), opened, title)
    return of_outputs(found[one.of], opened, title, keep=one.keep)


def _bars(
    paper: PaperFigures, wanted: PaperFigure, found: dict[str, str], where: str, metrics: Sequence[str], width: float
) -> Made:
    columns, remarks = _chosen(paper, wanted, found, where)
    entries = [Bar(_title(paper, wanted, one), Scores.read(found[one.of])) for one in columns]
    return Made(bars(entries, metrics=metrics, width=width), remarks=remarks)


def explained(paper: PaperFigures, wanted: PaperFigure) -> list[str]:
    """Lines that say what a figure shows, the command that draws it, and where its results come from."""
    lines = [f"Figure {wanted.number} of {paper.title}: {wanted.shows}"]
    if not wanted.drawn:
        return [*lines, f"  {wanted.why}"] if wanted.why else lines
    lines += [f"  facedeblur figure paper {paper.paper} {wanted.number} {_arguments(wanted)} -o FILE"]
    needs = [("SET", wanted.of)] if wanted.kind == "grid" else []
    if wanted.of and wanted.kind != "grid":
        needs.append(("FOLDER" if wanted.kind == "training" else "SCORES", wanted.of))
    needs += [(name, _origin(paper, paper.called(name), wanted.kept(name))) for name in wanted.slots]
    if wanted.open:
        needs.append(("NAME", "any other results, under the names that you give them"))
    longest = max((len(name) for name, _ in needs), default=0)
    return lines + [f"    {name:<{longest}}  {text}" for name, text in needs if text]


def _arguments(wanted: PaperFigure) -> str:
    if wanted.kind == "curves":
        return " ".join(f"{label}:X=SCORES" for label in wanted.labels)
    if wanted.kind == "training":
        return "NAME=FOLDER"
    what = "SCORES" if wanted.kind == "bars" else "OUTPUTS"
    names = [f"{name}={what}" for name in (*wanted.slots, *["NAME"] * wanted.open)]
    return " ".join(["SET"] * (wanted.kind == "grid") + names)


def _origin(paper: PaperFigures, slot: Slot, kept: Sequence[str]) -> str:
    """Where a result comes from, in one line."""
    # Classical methods leave their kernels anyway.
    known = declared(slot.run).keeps if slot.run in NETS else {}
    kept = [name for name in kept if name in known]
    keep = f" --keep {','.join(kept)}" if kept else ""
    parts = []
    if slot.row:
        parts.append(f"row '{slot.row}' of facedeblur ablate {paper.paper} --table {slot.table}")
    if slot.says:
        parts.append(slot.says)
    if slot.run:
        parts.append(f"facedeblur run {slot.run} SET -o OUTPUTS{keep}")
    return f"{slot.title}: {'; '.join(parts)}" if parts else f"{slot.title}: a folder of its PNG files"
