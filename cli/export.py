"""``facedeblur export``."""

from __future__ import annotations

import click

from facedeblur.cli import options


@options.command(
    examples="""
    # Export the network that comes with the package
    facedeblur export facedeblur-base -o base.onnx
    # Run the exported file; base.toml describes it
    facedeblur run base.toml set/ -o outputs/base-onnx
    # As TorchScript, or for torch.export.load
    facedeblur export facedeblur-base -o base.ts
    facedeblur export facedeblur-base -o base.pt2
    # Export a network that you trained
    facedeblur export shen2020 -o shen.onnx --weights shen2020/
    """
)
@click.argument("name")
@click.option(
    "-o", "--out", metavar="FILE", required=True, type=options.Output(), help="File to write: .onnx, .ts or .pt2."
)
@click.option(
    "--weights",
    metavar="PATH",
    type=click.Path(),
    help="Weight file of the network, or a folder to search first for its weight files.",
)
@click.option(
    "--size",
    metavar="PIXELS",
    default=128,
    type=click.IntRange(1),
    help="Width and height of the image that the network is traced with. The file also takes other sizes if the "
    "network does.",
)
@click.option("--opset", metavar="N", default=17, type=click.IntRange(11), help="Version of the ONNX operator set.")
@options.plugin("the network")
@options.quiet
def export(name: str, out: str, weights: str | None, size: int, opset: int, plugin: str | None, quiet: bool) -> None:
    """Write the network NAME as ONNX, TorchScript or torch.export file.

    Next to it is a TOML file for `facedeblur run`. NAME is from `facedeblur list networks`. The ending of the file
    chooses the format: .onnx (needs the extra 'onnx'), .ts or .pt2. The file is kept only if it gives the same result
    as the network.
    """
    from facedeblur.benchmark.registry import load_plugin
    from facedeblur.methods.kinds.export import export_network

    if plugin is not None:
        load_plugin(plugin)
    done = export_network(name, out, weights=weights, size=size, opset=opset)
    if not quiet:
        free = "variable: " + ", ".join(done.free) if done.free else f"one image of {done.side}x{done.side}"
        click.echo(f"{name} -> {done.path} ({free}; differs from torch by at most {done.difference:.2g})")
        if done.remark:
            click.echo(f"  {done.remark}")
        click.echo(f"  run it with: facedeblur run {done.block} SET -o OUTPUTS")
