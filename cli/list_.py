"""``facedeblur list``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from facedeblur.benchmark.errors import InputError

# Kind -> where its registry, or the function that gives its names, lives.
REGISTRIES = {
    "methods": "facedeblur.methods.base:METHODS",
    "metrics": "facedeblur.benchmark.metrics.base:METRICS",
    "detectors": "facedeblur.benchmark.faces.base:DETECTORS",
    "landmarkers": "facedeblur.benchmark.faces.base:LANDMARKERS",
    "embedders": "facedeblur.benchmark.faces.base:EMBEDDERS",
    "parsers": "facedeblur.benchmark.faces.base:PARSERS",
    "sources": "facedeblur.generators.sources:SOURCES",
}
FILES = {
    "recipes": "facedeblur.generators.recipe:recipes",
    "protocols": "facedeblur.benchmark.protocol:protocols",
}


@click.command("list")
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=click.Choice([*REGISTRIES, *FILES]))
@click.option("--broken", is_flag=True, help="Show only what is registered but does not import.")
@click.option("--plugin", type=click.Path(), help="Python file that enters more.")
@click.pass_context
def list_(ctx: click.Context, kinds: tuple[str, ...], broken: bool, plugin: str | None) -> None:
    """List what is registered: methods, metrics, detectors, landmarkers, embedders, parsers, recipes, protocols."""
    from facedeblur.benchmark.plugin import load_plugin

    if plugin is not None:
        load_plugin(plugin)
    shown = 0
    for kind in kinds or (*REGISTRIES, *FILES):
        lines = [line for name, text, bad in _entries(kind) if bad or not broken for line in [(name, text, bad)]]
        if not lines:
            continue
        shown += len(lines)
        click.secho(kind, bold=True)
        width = max(len(name) for name, _, _ in lines)
        for name, text, bad in lines:
            click.echo(f"  {name:<{width}}  {'broken: ' * bad}{text}".rstrip())
    if not shown:
        click.echo("nothing broken" if broken else "none")


def _entries(kind: str) -> Iterator[tuple[str, str, bool]]:
    """Name, what it is (or why it does not import), and whether it is broken."""
    module, _, attribute = (REGISTRIES | FILES)[kind].partition(":")
    source: Any = getattr(import_module(module), attribute)
    if kind in FILES:
        yield from ((name, "", False) for name in source())
        return
    for name in source:
        try:
            thing = source.get(name)
        except InputError as error:
            yield name, source.broken.get(name, str(error)), True
            continue
        text = (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]
        spec = getattr(thing, "method_spec", None)
        yield name, text + " [oracle]" * bool(spec is not None and spec.oracle), False
    # An entry point whose name is taken is in no list of names.
    yield from ((name, why, True) for name, why in source.broken.items() if name not in source)
