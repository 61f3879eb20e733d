"""``facedeblur list``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

from facedeblur.benchmark.described import described
from facedeblur.benchmark.errors import InputError
from facedeblur.cli import options

# Kind -> its registry.
REGISTRIES = {
    "methods": "facedeblur.methods.base:METHODS",
    "metrics": "facedeblur.benchmark.metrics.base:METRICS",
    "networks": "facedeblur.methods.nets.base:NETS",
    "discriminators": "facedeblur.methods.nets.base:DISCRIMINATORS",
    "losses": "facedeblur.methods.training.losses.registry:LOSSES",
    "adversaries": "facedeblur.methods.training.losses.registry:ADVERSARIES",
    "detectors": "facedeblur.benchmark.faces.base:DETECTORS",
    "landmarkers": "facedeblur.benchmark.faces.base:LANDMARKERS",
    "embedders": "facedeblur.benchmark.faces.base:EMBEDDERS",
    "parsers": "facedeblur.benchmark.faces.base:PARSERS",
    "collections": "facedeblur.generators.photos.opening:COLLECTIONS",
    "layouts": "facedeblur.generators.given.layout:LAYOUTS",
    "noises": "facedeblur.generators.blur.noise:NOISES",
}
# Kind -> the module of a higher floor that registers more.
FILLED_BY = {"parsers": "facedeblur.methods.parsing"}
# Kind -> the package of its TOML files, and the key that says what one is.
FILES = {
    "templates": ("facedeblur.generators.align.templates", "source"),
    "recipes": ("facedeblur.generators.recipes", "title"),
    "train-recipes": ("facedeblur.methods.training.recipes", "title"),
    "protocols": ("facedeblur.benchmark.scoring.protocols", "title"),
}
KINDS = (*REGISTRIES, *FILES, "boards")


@options.command(
    "list",
    examples="""
    # List the methods that `facedeblur run` takes
    facedeblur list methods
    # List recipes and known folder layouts for `facedeblur build`
    facedeblur list recipes collections
    # List the methods that a paper compares with, and what runs them
    facedeblur list methods --paper shen2020
    # Check a plugin of your own
    facedeblur list methods --plugin my_net.py --broken
    """,
)
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=click.Choice(KINDS))
@click.option("--broken", is_flag=True, help="Show only what is registered but cannot be imported.")
@click.option(
    "--paper",
    metavar="PAPER",
    show_default="none",
    help="Show the methods that a paper's tables and figures name: what runs each, from what, and where it is printed. "
    "One of shen2020, umsn, lin2020, dfpgnet, anand and zhang2024.",
)
@options.plugin("additional methods, metrics or the like")
@click.pass_context
def list_(ctx: click.Context, kinds: tuple[str, ...], broken: bool, paper: str | None, plugin: str | None) -> None:
    """List what can be chosen by name: methods, metrics, recipes and more.

    KIND is methods, metrics, networks, discriminators, losses, adversaries, detectors, landmarkers, embedders, parsers,
    collections, layouts, noises, templates, recipes, protocols, boards or train-recipes; all kinds are listed by
    default.
    """
    from facedeblur.benchmark.registry import load_plugin

    if plugin:
        load_plugin(plugin)
    if paper is not None:
        if set(kinds) - {"methods"} or broken:
            raise click.UsageError(
                "--paper lists methods, without --broken: facedeblur list methods --paper PAPER", ctx
            )
        _print_compared(paper)
        return
    shown = 0
    for kind in kinds or KINDS:
        lines = [line for line in _entries(kind, imported=broken) if line[2] or not broken]
        if not lines:
            continue
        shown += len(lines)
        click.secho(kind, bold=True)
        width = max(len(name) for name, _, _ in lines)
        for name, text, bad in lines:
            click.echo(f"  {name:<{width}}  {'broken: ' * bad}{text}".rstrip())
    if not shown:
        click.echo("nothing broken" if broken else "none")


def _print_compared(paper: str) -> None:
    """Print the methods that a paper names, then the other rows of its tables."""
    from facedeblur.reports.compared import compared_in, other_rows
    from facedeblur.reports.tables.published.values import published

    found, rows = compared_in(paper), other_rows(paper)
    click.secho(f"methods named in {published().sources[paper].short}", bold=True)
    lines = [(", ".join(one.names), one.method.runs or "not here", one.method.origin, one.where) for one in found]
    named, ran = (max(len(line[at]) for line in lines) for at in (0, 1))
    for names, runs, origin, where in lines:
        click.echo(f"  {names:<{named}}  {runs:<{ran}}  {origin}. {where}.")
    if rows:
        click.secho("other rows of its tables", bold=True)
    for row in rows:
        click.echo(f"  {row.where}: {', '.join(row.names)}: {row.what}")


def _entries(kind: str, *, imported: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield the name, what it is (or why it cannot be imported), and whether it is broken.

    What comes with facedeblur is only imported if asked: its source says what it is.
    """
    if kind == "boards":
        from facedeblur.reports.boards.shipped import board_names, describe_board

        yield from ((name, describe_board(name), False) for name in board_names())
        return
    if kind in FILES:
        from facedeblur.benchmark.config import read_named, shipped

        package, key = FILES[kind]
        yield from ((name, read_named(name, package, kind)[0].get(key, ""), False) for name in shipped(package))
        return
    if kind in FILLED_BY:
        import_module(FILLED_BY[kind])
    source = _at(REGISTRIES[kind])
    for name in source:
        place = source.place(name)
        found = described(place) if place.startswith("facedeblur.") and not imported else None
        if found is not None:
            yield name, _text(found.line, found.values), False
            continue
        try:
            thing = source.get(name)
        except InputError as error:
            yield name, source.broken.get(name, str(error)), True
            continue
        told = {key: getattr(thing, key, None) for key in ("choices", "keeps")}
        oracle = getattr(getattr(thing, "method_spec", None), "oracle", False)
        yield name, _text(_first_line(thing), {**told, "oracle": oracle}), False
    # A broken entry point whose name another thing has is not in the list of names.
    yield from ((name, why, True) for name, why in source.broken.items() if name not in source)


def _text(line: str, values: Mapping[str, Any]) -> str:
    choices, keeps = values.get("choices"), values.get("keeps")
    line += " [oracle]" if values.get("oracle") else ""
    line += f" Options: {choices}." if choices else ""
    return line + (f" Keeps {', '.join(keeps)}." if keeps else "")


def _at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _first_line(thing: Any) -> str:
    return (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]
