"""``facedeblur run``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.benchmark.words import many
from facedeblur.cli import options

if TYPE_CHECKING:
    from facedeblur.benchmark.outputs import Outputs


@options.command(
    examples="""
    # Restore a set with the network that comes with the package
    facedeblur run facedeblur-base set/ -o outputs/base
    # Set an option of the method, and choose the name of the run in tables
    facedeblur run unsharp set/ -o outputs/strong --set amount=2 --name strong
    # Run your own Python method or TorchScript file
    facedeblur run my-net set/ -o outputs/mine --plugin my_net.py
    facedeblur run net.ts set/ -o outputs/net --device cuda --batch 16
    # Try a slow method on 100 pairs, spread over faces and kernels
    facedeblur run pan-2016 set/ -o outputs/pan --sample 100
    # Store sketches, kernels and initial images, too
    facedeblur run lin2020 set/ -o outputs/lin --keep sketch,kernel,initial
    """
)
@click.argument("method")
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", metavar="FOLDER", required=True, type=options.Output(), help="Folder for the outputs.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    show_default="those of the method",
    help="Option of the method; repeatable.",
)
@click.option(
    "--kernels",
    metavar="OUTPUTS",
    type=click.Path(),
    help="Use the kernels that a blind method estimated, from its OUTPUTS, instead of the true ones.",
)
@click.option(
    "--keep",
    metavar="NAME,...",
    default="",
    show_default="none",
    help="Intermediate results to store in folders next to the restored images; `facedeblur list methods` names them.",
)
@click.option(
    "--name",
    metavar="NAME",
    default="",
    show_default="the method with its options",
    help="Name of this run in tables and reports.",
)
@options.plugin("the method")
@click.option(
    "--weights",
    metavar="PATH",
    type=click.Path(),
    help="Weight file of the network, or a folder to search first for its weight files.",
)
@options.device("cpu, cuda, cuda:N or mps", of=" for networks")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    default="fp32",
    help="Floating-point precision of networks.",
)
@click.option(
    "--batch",
    metavar="N",
    type=int,
    show_default="chosen by size and speed",
    help="Largest number of images per batch; halved if memory runs out.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=int,
    show_default="1 for networks and commands, else all processors",
    help="Number of parallel workers.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    show_default="that of the method's TOML file, else 300",
    help="Time limit per batch.",
)
@options.store
@click.option("--limit", metavar="N", type=int, show_default="all", help="Restore only the first N pairs.")
@click.option(
    "--sample",
    metavar="N",
    type=int,
    show_default="all",
    help="Restore only N pairs, spread evenly over faces, kernel sizes and kernels; run again with a larger N, or "
    "without it, to add pairs.",
)
@options.quiet
@click.pass_context
def run(
    ctx: click.Context,
    method: str,
    set_path: str,
    out: str,
    settings: tuple[str, ...],
    kernels: str | None,
    keep: str,
    name: str,
    plugin: str | None,
    weights: str | None,
    device: str,
    precision: str,
    batch: int | None,
    jobs: int | None,
    timeout: float | None,
    store: str,
    limit: int | None,
    sample: int | None,
    quiet: bool,
) -> None:
    """Restore every blurred image of SET with METHOD.

    METHOD is a name (see `facedeblur list methods`), a TorchScript file, an ONNX file, or a TOML file that describes
    one of these, a command or a container. Run the command again to resume: only images that failed or are
    missing are restored.
    """
    from facedeblur.methods.running.execution import Execution
    from facedeblur.methods.running.runner import run as restore

    with bars(quiet=quiet) as reporter:
        outputs = restore(
            method,
            set_path,
            out,
            options=dict(_pair(text) for text in settings),
            kernels=kernels,
            name=name,
            keep=[part.strip() for part in keep.split(",") if part.strip()],
            plugin=plugin,
            weights=weights,
            execution=Execution(device, precision, batch, timeout),
            store=store,
            limit=limit,
            sample=sample,
            workers=jobs,
            progress=reporter,
        )
    if not quiet:
        _print(outputs)
    if outputs.info["counts"]["failed"] or outputs.info["stopped"]:
        ctx.exit(1)


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise click.BadParameter(f"expected KEY=VALUE, found '{text}'", param_hint="--set")
    return key.strip(), value.strip()


def _print(outputs: Outputs) -> None:
    """Print what was restored, what was not and why, the run time and the size of the method."""
    info = outputs.info
    counts, timings = info["counts"], info.get("timings") or {}
    name = info["method"] + " (oracle: it was given true kernels or labels)" * info["oracle"]
    images = many(counts["pairs"], "image")
    click.echo(f"{name}: {counts['ok']:,} of {images} of {info['set']['name']} restored{outputs.in_sample}")
    reasons = Counter(row.status for row in outputs.statuses() if row.sampled and not row.ok)
    for reason, count in reasons.most_common(5):
        click.echo(f"  {reason}: {count:,}")
    if len(reasons) > 5:
        click.echo(f"  and {many(len(reasons) - 5, 'other reason')}, see status.csv")
    if timings:
        spread = f"{timings['mean_s'] * 1e3:.3g} ms +- {timings['std_s'] * 1e3:.2g} per image"
        middle = f"median {timings['median_s'] * 1e3:.3g}"
        size = f" of {timings['width']}x{timings['height']}" if timings.get("width") else ""
        click.echo(
            f"  {spread}, {middle} ({many(timings['images'], 'image')}{size}, {timings['device']}, {info['precision']})"
        )
    if info.get("parameters"):
        stored = f", weight files {info['bytes_weights'] / 1e6:.4g} MB" if info.get("bytes_weights") else ""
        fp32 = info["bytes_fp32"] / 1e6
        click.echo(f"  {many(info['parameters'], 'parameter')}, {fp32:.4g} MB at 4 bytes each{stored}")
    memory = info.get("memory") or {}
    if memory.get("peak_bytes"):
        click.echo(f"  peak memory {memory['peak_bytes'] / 1e6:,.0f} MB ({memory['rule']})")
    if info.get("keep"):
        click.echo(f"  kept: {', '.join(info['keep'])}")
    click.echo(f"  -> {outputs.root}")
