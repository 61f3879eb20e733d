"""Where the numbers of a report come from: definitions in words, hashes, versions, and the commands that repeat them.

Words in capitals in a command are the reader's own paths.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from facedeblur.benchmark.config import parse_toml, read_named, shipped
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import describe
from facedeblur.benchmark.scoring.agreement import find_column
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.scoring.table import Column
from facedeblur.generators import recipes
from facedeblur.methods.base import METHODS
from facedeblur.reports.leaderboard.board import Board, MethodScores
from facedeblur.reports.text import plain


def define(column: Column) -> str:
    """Say in words what a column measures and what a failure counts as."""
    told = describe(column.signature, column.label)
    return f"{told[:1].upper()}{told[1:]}. A failed pair counts as {plain(column.failure)}."


def set_facts(board: Board) -> list[tuple[str, str]]:
    """Names and values that identify the set."""
    info = board.set
    counts = info.get("counts") or {}
    facts = [("Set", info.get("name")), ("Content hash", info.get("hash")), ("Seed", info.get("seed"))]
    facts += [(str(name).capitalize(), f"{number:,}") for name, number in counts.items()]
    facts += [("Protocol", board.leader.meta.protocol)]
    facts += [(f"Source {place}", line(source)) for place, source in enumerate(info.get("sources") or [], start=1)]
    facts += [("Built with", line(info.get("packages") or {}))]
    facts += [("Scored with", line(board.leader.meta.versions)), ("Reported with", f"facedeblur {own_version()}")]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]


def run_facts(method: MethodScores) -> list[tuple[str, str]]:
    """Everything that the run and the scoring of one method recorded, paths left out."""
    skipped = {"method", "oracle", "schema", "set", "path", "hash", "files", "store"}
    facts = [("run hash", str(method.meta.run.get("hash", "")))]
    facts += [(name, line(value)) for name, value in method.meta.run.items() if name not in skipped]
    return [(name, text) for name, text in facts if text]


def line(value: Any) -> str:
    """A recorded value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {line(part)}" for name, part in value.items() if part not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(line(part) for part in value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def recipe_text(board: Board) -> str:
    """The recipe as it is in the set."""
    recipe = board.set.get("recipe") or ""
    return recipe if isinstance(recipe, str) else json.dumps(recipe, indent=2, ensure_ascii=False)


def own_version() -> str:
    """Version of the installed package."""
    try:
        return version("facedeblur")
    except PackageNotFoundError:
        return "(not installed)"


def commands(board: Board, *, among: str = "", by: Sequence[str] = ()) -> list[str]:
    """The lines that make the numbers of a board again.

    Parameters
    ----------
    board : Board
    among : str
        The set's name, where the report is of several sets: `report_command` comes after the lines of all of them.
    by : sequence of str
        Traits that the report was asked for.
    """
    folder = f"/{shlex.quote(among)}" if among else ""
    made_in, outputs = f"SETS{folder}" if among else "SET", f"OUTPUTS{folder}"
    lines = [f"{_make(board)} -o {made_in}"]
    folders = [f"{outputs}/{place}" for place in range(1, len(board.methods) + 1)]
    own = [folder for method, folder in zip(board, folders, strict=True) if not method.of_board]
    made = {str(method.meta.run.get("hash")): folder for method, folder in zip(board, folders, strict=True)}
    # A run with the kernels of another comes after it.
    order = sorted(zip(board, folders, strict=True), key=lambda one: bool(one[0].meta.run.get("given_kernels")))
    for method, folder in order:
        if method.of_board:
            continue
        run = method.meta.run
        if run.get("foreign"):
            lines.append(f"# {folder}: restored by {line(run.get('method'))}, outside facedeblur".replace("\n", " "))
        else:
            given = run.get("given_kernels")
            kernels = ["--kernels", made.get(given["run"], "KERNELS")] if given else []
            lines.append(" ".join(["facedeblur run", *_quoted(_run_words(run)), made_in, *kernels, "-o", folder]))
    lines += [f"facedeblur score {made_in} {' '.join(own)} {asked}" for asked in _asked(board) if own]
    return lines if among else [*lines, _report(own, by, [board])]


def report_command(boards: Sequence[Board], names: Sequence[str], by: Sequence[str] = ()) -> str:
    """The last command line of a report of several sets, of these names, with the traits `by`."""
    return _report([f"OUTPUTS/{shlex.quote(name)}/*" for name in names], by, boards)


def _report(outputs: Sequence[str], by: Sequence[str], boards: Sequence[Board]) -> str:
    asked = ["--common"] * any(board.common for board in boards)
    asked += _quoted([word for board in boards for name in board.of_boards for word in ("--with", name)])
    asked += _quoted([word for trait in by for word in ("--by", trait)])
    return " ".join(["facedeblur report", *outputs, *asked, "-o report.html"])


def _quoted(words: Sequence[str]) -> list[str]:
    return [shlex.quote(word) for word in words]


def _make(board: Board) -> str:
    """How the set is made: by a recipe that ships, by one of the reader's own, or of videos without a recipe."""
    name, text = str(board.set.get("name", "RECIPE")), recipe_text(board)
    try:
        recipe: Mapping[str, Any] = parse_toml(text, "recipe")
    except InputError:
        recipe = {}
    frames = recipe.get("frames")
    if isinstance(frames, Mapping) and "name" not in recipe:
        words = _frame_words(frames, name)
        if frames.get("train_share") and board.set.get("seed"):
            words += ["--seed", str(board.set["seed"])]
        return " ".join(["facedeblur frames VIDEOS", *_quoted(words)])
    own = str(recipe.get("name", name))
    ships = own in shipped(recipes.__name__) and read_named(own, recipes.__name__, "recipe")[1] == text
    count = 1 if frames else max(1, len(board.set.get("sources") or ()))
    folders = ["VIDEOS" if frames else "PHOTOS"] if count == 1 else [f"PHOTOS{place}" for place in range(1, count + 1)]
    words = [own if ships else f"{own}.toml", *(word for folder in folders for word in ("--faces", folder))]
    words += ["--name", name] if name != own else []
    words += ["--seed", str(board.set["seed"])] if board.set.get("seed") is not None else []
    return " ".join(["facedeblur build", *_quoted(words)])


def _frame_words(frames: Mapping[str, Any], name: str) -> list[str]:
    """What differs from the usual; the steps of a window are its length where nobody says otherwise."""
    from facedeblur.generators.video.spec import FrameSpec

    length = frames.get("length")
    usual = dataclasses.asdict(FrameSpec()) | {"stride": length if isinstance(length, int) else 0}
    if frames.get("train_share"):
        usual["role"] = ""  # both parts of the split
    # A camera's curve replaces gamma.
    told = {key: value for key, value in frames.items() if value != usual.get(key) and (key, value) != ("gamma", 0.0)}
    options = {"train_share": "split"}
    words = [
        word for key, value in told.items() for word in (f"--{options.get(key, key).replace('_', '-')}", str(value))
    ]
    return [*words, *(["--name", name] if name != f"frames-{frames.get('length')}" else [])]


def _run_words(run: Mapping[str, Any]) -> list[str]:
    """Method, the options that its displayed name tells, and the precision where it is not the usual one."""
    name = str(run.get("name") or run["method"])
    shown = str(run.get("described") or run["method"])
    options, files = run.get("options") or {}, list(run.get("weights") or {})
    told = shown.removeprefix(f"{name}[").removesuffix("]") if shown.startswith(f"{name}[") else ""
    words = [name]
    if name not in METHODS:
        block = {"argv", "range"} & options.keys()
        alone = len(files) == 1 and files[0].rpartition(".")[0] == name
        words = [files[0] if alone else f"{name}.toml"] if block else words
        words += [word for file in run.get("code") or {} if not block for word in ("--plugin", file)]
    for key, value in options.items():
        if f",{key}={value}," in f",{told},":
            words += ["--set", f"{key}={value}"]
    if run.get("requested_precision", "fp32") != "fp32":
        words += ["--precision", str(run["requested_precision"])]
    if run["method"] != shown:
        words += ["--name", str(run["method"])]
    if sample := run.get("sample"):
        words += ["--sample", str(sample["pairs"])]
    return words


def _asked(board: Board) -> list[str]:
    """The protocol, and the metrics that were added to it."""
    protocol = board.leader.meta.protocol
    if protocol not in protocols():
        return [f"--protocol {shlex.quote(f'{protocol}.toml')}"]
    known = [entry.name for entry in load_protocol(protocol).metric]
    added = [one.signature for one in board.columns if not any(find_column((one,), name) for name in known)]
    further = " ".join(f"--metric {shlex.quote(signature)}" for signature in added)
    return [f"--protocol {shlex.quote(protocol)}", *([further] if further else [])]
