"""``facedeblur export``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@click.command()
@click.argument("name")
@click.option("-o", "--out", metavar="FILE", required=True, type=click.Path(), help="Ends in .onnx.")
@click.option("--weights", metavar="PLACE", type=click.Path(), help="Folder or file of weights; as for `run`.")
@click.option("--size", default=128, show_default=True, type=click.IntRange(1), help="Height and width of the example.")
@click.option("--opset", default=17, show_default=True, type=click.IntRange(11), help="Version of ONNX's operators.")
@options.plugin("the network")
@options.quiet
def export(name: str, out: str, weights: str | None, size: int, opset: int, plugin: str | None, quiet: bool) -> None:
    """Write the network NAME as ONNX, and FILE's TOML block for `run`.

    What onnxruntime makes of the file is compared with torch; a file that differs is not written.
    """
    from facedeblur.benchmark.registry import load_plugin
    from facedeblur.methods.kinds.export import export_onnx

    if plugin is not None:
        load_plugin(plugin)
    done = export_onnx(name, out, weights=weights, size=size, opset=opset)
    if not quiet:
        free = ", ".join(done.free) + " free" if done.free else f"one image of {done.side}x{done.side}"
        click.echo(f"{name} -> {done.path} ({free}; at most {done.difference:.2g} from torch)")
        click.echo(f"  run it with: facedeblur run {done.block} SET -o OUTPUTS")
