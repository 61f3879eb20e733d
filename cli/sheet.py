"""``facedeblur sheet``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@options.command(
    examples="""
    # Look at a set
    facedeblur sheet set/ -o sheet.png
    # Show more of it
    facedeblur sheet set/ -o sheet.png --faces 12 --variants 8
    """
)
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", metavar="FILE", required=True, type=options.Output(), help="PNG file to write.")
@click.option("--faces", metavar="N", default=6, help="Number of faces, one per row.")
@click.option("--variants", metavar="N", default=4, help="Number of blurred versions of each face.")
def sheet(set_path: str, out: str, faces: int, variants: int) -> None:
    """Draw a contact sheet of SET: sharp faces, their labels, and blurred versions."""
    from facedeblur.benchmark.sets.set import Set
    from facedeblur.generators.sheets import set_sheet

    click.echo(f"{set_sheet(Set.open(set_path), out, faces=faces, variants=variants)}")
