"""``facedeblur sheet``."""

from __future__ import annotations

import click


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="PNG file to write.")
@click.option("--faces", default=6, show_default=True, help="Number of faces, one per row.")
@click.option("--variants", default=4, show_default=True, help="Number of blurred versions of each face.")
def sheet(set_path: str, out: str, faces: int, variants: int) -> None:
    """Draw a contact sheet of SET: sharp faces, their labels and blurred versions."""
    from facedeblur.benchmark.sets.set import Set
    from facedeblur.generators.sheets import set_sheet

    click.echo(f"{set_sheet(Set.open(set_path), out, faces=faces, variants=variants)}")
