"""``facedeblur export``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@click.command()
@click.argument("name")
@click.option("-o", "--out", metavar="FILE", required=True, type=click.Path(), help="File to write, NAME.onnx.")
@click.option("--weights", metavar="PLACE", type=click.Path(), help="Folder or file of weights, as for `run`.")
@click.option(
    "--size",
    default=128,
    show_default=True,
    type=click.IntRange(1),
    help="Side of the traced image, in pixels.",
)
@click.option("--opset", default=17, show_default=True, type=click.IntRange(11), help="ONNX operator set version.")
@options.plugin("the network")
@options.quiet
def export(name: str, out: str, weights: str | None, size: int, opset: int, plugin: str | None, quiet: bool) -> None:
    """Write the network NAME as an ONNX file, and next to it a TOML file for `run`.

    The file is run with onnxruntime, and kept only if the result agrees with torch.
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
