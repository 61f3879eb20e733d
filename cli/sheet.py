"""``facedeblur sheet``."""

from __future__ import annotations

import click


@click.command()
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", required=True, type=click.Path(), help="The picture, NAME.png.")
@click.option("--faces", default=6, show_default=True, help="Rows.")
@click.option("--variants", default=4, show_default=True, help="Blurred versions of each face.")
def sheet(set_path: str, out: str, faces: int, variants: int) -> None:
    """Draw a contact sheet of SET: faces sharp, with their labels, and blurred."""
    from facedeblur.benchmark.sets.set import Set
    from facedeblur.generators.sheets import set_sheet

    click.echo(f"{set_sheet(Set.open(set_path), out, faces=faces, variants=variants)}")
