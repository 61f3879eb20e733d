"""The class of the commands, whose help ends with examples, and the options that several of them share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import cleandoc
from pathlib import Path
from textwrap import indent
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Command(click.Command):
    """A command whose help shows every default and ends with examples.

    Parameters
    ----------
    examples : str
        Shell commands, each below a comment. ``--help`` and the page of the command show them unchanged.
    """

    def __init__(self, *args: Any, examples: str, **given: Any) -> None:
        given["context_settings"] = {"show_default": True, **(given.get("context_settings") or {})}
        super().__init__(*args, **given)
        self.examples = cleandoc(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            # `write_text` would wrap the lines.
            formatter.write(indent(self.examples, "  ") + "\n")


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command


def command(name: str | None = None, *, examples: str) -> Callable[[Callable[..., Any]], Command]:
    """Return the decorator that makes a function a `Command`."""
    return click.command(name, cls=Command, examples=examples)


def several(*decorators: Decorator) -> Decorator:
    """Combine several decorators into one; the help page shows their options in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


class Output(click.Path):
    """A file or folder to write; ``.`` and ``..`` become its whole path: what is next to it is named after it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        given = super().convert(value, param, ctx)
        path = Path(os.fsdecode(given))
        if path.name in ("", ".."):
            path = path.resolve()
            given = path if self.type is Path else str(path)
        if not path.name:
            self.fail(f"'{value}' has no name; give a file or folder inside it", param, ctx)
        if len(path.name.encode(errors="surrogateescape")) > MOST_NAME:
            self.fail(f"a name of more than {MOST_NAME} bytes; choose a shorter one", param, ctx)
        return given


MOST_NAME = 200
"""Longest name of an output in bytes: file systems take 255, and names next to it are made of it."""


def _as_workers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``workers`` in place of the options that describe them."""

    @wraps(function)
    def command(*args: Any, jobs: int, backend: str = "loky", scheduler: str | None = None, **given: Any) -> Any:
        from facedeblur.benchmark.parallel import Workers

        return function(*args, workers=Workers(jobs, backend, scheduler), **given)

    return command


_jobs = click.option("--jobs", metavar="N", default=-1, help="Number of parallel workers; -1 uses every processor.")
jobs = several(_jobs, _as_workers)
"""Option ``--jobs``; the command is given a `Workers`."""

workers = several(
    _jobs,
    click.option(
        "--backend",
        type=click.Choice(["loky", "dask"]),
        default="loky",
        help="Run workers as local processes (loky) or on a dask cluster.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        show_default="a new cluster on this machine",
        help="With --backend dask: address of the scheduler, such as tcp://host:8786.",
    ),
    _as_workers,
)
"""Options ``--jobs``, ``--backend`` and ``--scheduler``; the command is given a `Workers`."""

quiet = click.option("--quiet", is_flag=True, help="Print problems only.")
by = click.option(
    "--by",
    metavar="TRAIT",
    multiple=True,
    show_default="no tables by trait",
    help="Also show the first metric by this trait of the faces, such as Smiling, yaw, or yaw:20,45 with bins of your "
    "own; repeatable.",
)
common = click.option(
    "--common",
    is_flag=True,
    help="Compare on the pairs that all runs have, if some were made with `facedeblur run --sample`.",
)
with_board = click.option(
    "--with",
    "board",
    metavar="BOARD",
    show_default="none",
    help="Also show the methods of this board: a name of one in the package, or a file that `facedeblur board` wrote.",
)
as_json = click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")


def seed(determines: str) -> Decorator:
    """Return the option ``--seed``."""
    return click.option("--seed", metavar="N", default=0, help=f"Random seed for {determines}.")


def device(known: str = "cpu, cuda or cuda:N", *, of: str = "", default: str = "auto") -> Decorator:
    """Return the option ``--device``: a device as torch names it, such as those that are `known`."""
    return click.option(
        "--device", metavar="DEVICE", default=default, help=f"{known}; auto uses a GPU{of} if there is one."
    )


def name(default: str) -> Decorator:
    """Return the option ``--name`` of a set, which is called `default` without it."""
    return click.option(
        "--name",
        metavar="NAME",
        default="",
        show_default=default,
        help="Name of the set in tables. Sets on one leaderboard need different names.",
    )


suffix = click.option(
    "--suffix",
    metavar="TEXT",
    show_default="found",
    help="What follows the name of the image in each file, such as _deblurred.",
)
lossy = click.option(
    "--lossy",
    is_flag=True,
    help="Accept files that lose something: JPEG, 16 bits that are no whole grey levels, transparency.",
)
licence = click.option(
    "--licence", metavar="TEXT", default="", show_default="not stated", help="Licence to record in the set."
)
store = click.option(
    "--store",
    type=click.Choice(["png", "npy"]),
    default="png",
    help="Store images as PNG files or all in one NumPy array.",
)
match = click.option(
    "--match",
    metavar="PATTERN",
    default="",
    show_default="all",
    help="Use only photographs whose names match, e.g. '*_0001.jpg'.",
)
listed = click.option(
    "--list",
    "listed",
    metavar="FILE",
    type=click.Path(),
    help="Use only the photographs in this image list, with its roles, as `facedeblur split` writes it.",
)
limit = click.option("--limit", type=int, metavar="N", show_default="all", help="Use at most N photographs.")
_PHOTOS = (
    "For a known folder layout, NAME:FOLDER also reads its identities, roles and labels (see `facedeblur list "
    "collections`). FOLDER,2000 draws 2,000 photographs at random, FOLDER,25% a quarter of all, and FOLDER,train "
    "uses only those with the role train."
)


def faces_of(default: str = "") -> Decorator:
    """Return the option ``--faces``, which is required unless `default` says what is taken without it."""
    return click.option(
        "--faces",
        metavar="FOLDER",
        required=not default,
        multiple=True,
        show_default=default or None,
        help="Folder of photographs, or of crops that `facedeblur align` wrote; repeat it to combine several. "
        + _PHOTOS,
    )


faces = faces_of()
people = click.option(
    "--people",
    type=int,
    metavar="N",
    show_default="all",
    help="Use one photograph each of N people, chosen at random by --seed.",
)


identity = click.option(
    "--identity",
    metavar="RULE",
    default="",
    show_default="guessed from names",
    help="Who is who in folders that are no known layout: each (photograph its own), folder, name (before _0001), or a "
    "pattern for the file's name, or for the path if it has a slash, whose group is the identity, such as '([^_]+)_'.",
)


def as_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``selection`` in place of the options that say which photographs are used."""

    @wraps(function)
    def command(
        *args: Any,
        match: str = "",
        roles: tuple[str, ...] = (),
        limit: int | None = None,
        listed: str | None = None,
        people: int | None = None,
        identity: str = "",
        **given: Any,
    ) -> Any:
        from facedeblur.generators.photos.specs import Selection

        return function(*args, selection=Selection(match, roles, limit, listed, people, identity), **given)

    return command


def as_finders(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``finders`` in place of the options that say how faces are found."""

    @wraps(function)
    def command(*args: Any, detector: str, landmarker: str, choose: str, **given: Any) -> Any:
        from facedeblur.generators.align.photo import Finders

        return function(*args, finders=Finders(detector, landmarker, choose), **given)

    return command


finders = several(
    click.option(
        "--detector",
        metavar="NAME",
        default="dlib-hog",
        help="Face detector, with options after a comma, such as dlib-hog,up1; see `facedeblur list detectors`.",
    ),
    click.option(
        "--landmarker",
        metavar="NAME",
        default="dlib-68",
        help="Landmarker that locates the five points used for alignment; see `facedeblur list landmarkers`.",
    ),
    click.option(
        "--choose",
        type=click.Choice(["largest", "central"]),
        default="largest",
        help="Which face to use if there are several.",
    ),
)
"""Options ``--detector``, ``--landmarker`` and ``--choose``; see `as_finders`."""


min_coverage = click.option(
    "--min-coverage",
    metavar="SHARE",
    default=0.95,
    help="Reject crops with less than this share (0 to 1) of their area inside the photograph.",
)


def as_limits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``limits`` in place of the options that say which aligned faces are taken."""

    @wraps(function)
    def command(*args: Any, **given: Any) -> Any:
        from facedeblur.generators.align.quality import Limits

        named = {name: given.pop(name) for name in list(given) if name in Limits.__dataclass_fields__}
        return function(*args, limits=Limits(**named), **given)

    return command


def plugin(registers: str) -> Decorator:
    """Return the option ``--plugin`` of a file that registers this."""
    return click.option("--plugin", metavar="FILE", type=click.Path(), help=f"Python file that registers {registers}.")


def echo_json(records: Iterable[Any]) -> None:
    """Print records as one JSON array."""
    click.echo(json.dumps(list(records), indent=1, ensure_ascii=False, allow_nan=False))
