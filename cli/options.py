"""Options that several commands share, and what goes with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def several(*decorators: Decorator) -> Decorator:
    """One decorator of several; the help page shows their options in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _as_workers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``workers`` in place of the options that describe them."""

    @wraps(function)
    def command(*args: Any, jobs: int, backend: str = "loky", scheduler: str | None = None, **given: Any) -> Any:
        from facedeblur.benchmark.parallel import Workers

        return function(*args, workers=Workers(jobs, backend, scheduler), **given)

    return command


_jobs = click.option("--jobs", default=-1, show_default=True, help="Number of workers; -1 uses every processor.")
jobs = several(_jobs, _as_workers)
"""Option ``--jobs``; the command is given a `Workers`."""

workers = several(
    _jobs,
    click.option(
        "--backend",
        type=click.Choice(["loky", "dask"]),
        default="loky",
        show_default=True,
        help="Run workers locally (loky) or on a dask cluster.",
    ),
    click.option("--scheduler", help="Address of a dask scheduler."),
    _as_workers,
)
"""Options ``--jobs``, ``--backend`` and ``--scheduler``; the command is given a `Workers`."""

quiet = click.option("--quiet", is_flag=True, help="Print problems only.")
as_json = click.option("--json", "json_", is_flag=True, help="Print JSON instead of a table.")
name = click.option(
    "--name", default="", help="What the set is called in tables; leaderboards want another name for each set."
)
store = click.option(
    "--store", type=click.Choice(["png", "npy"]), default="png", show_default=True, help="PNG files, or one array."
)
match = click.option("--match", default="", help="Use photographs with matching names only, e.g. '*_0001.jpg'.")
listed = click.option(
    "--list", "listed", type=click.Path(), help="Use the photographs of an image list (`facedeblur split`)."
)
limit = click.option("--limit", type=int, metavar="N", help="Use at most N photographs.")


def as_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``selection`` in place of the options that say which photographs are used."""

    @wraps(function)
    def command(
        *args: Any,
        match: str = "",
        roles: tuple[str, ...] = (),
        limit: int | None = None,
        listed: str | None = None,
        **given: Any,
    ) -> Any:
        from facedeblur.generators.photos.collection import Selection

        return function(*args, selection=Selection(match, roles, limit, listed), **given)

    return command


def as_finders(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one ``finders`` in place of the options that say how faces are found."""

    @wraps(function)
    def command(*args: Any, detector: str, landmarker: str, choose: str, **given: Any) -> Any:
        from facedeblur.generators.align.photo import Finders

        return function(*args, finders=Finders(detector, landmarker, choose), **given)

    return command


chosen_face = click.option(
    "--choose",
    type=click.Choice(["largest", "central"]),
    default="largest",
    show_default=True,
    help="Which of several faces to take.",
)
finders = several(
    click.option("--detector", default="dlib-hog", show_default=True, help="Finds the faces in photographs."),
    click.option("--landmarker", default="dlib-68", show_default=True, help="Finds the five points that are aligned."),
    chosen_face,
    as_finders,
)
"""Options ``--detector``, ``--landmarker`` and ``--choose``; the command is given a `Finders`."""


def plugin(enters: str) -> Decorator:
    """Return the option ``--plugin`` of a file that enters this."""
    return click.option("--plugin", type=click.Path(), help=f"Python file that enters {enters}.")


def echo_json(records: Iterable[Any]) -> None:
    """Print records as one JSON array."""
    click.echo(json.dumps(list(records), indent=1, ensure_ascii=False, allow_nan=False))
