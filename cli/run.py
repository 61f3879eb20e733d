"""``facedeblur run``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from facedeblur.cli.progress import bar

if TYPE_CHECKING:
    from facedeblur.benchmark.outputs import Outputs


@click.command()
@click.argument("method")
@click.argument("set_path", metavar="SET", type=click.Path())
@click.option("-o", "--out", metavar="OUTPUTS", required=True, type=click.Path(), help="Folder of the outputs.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="An option of the method; repeatable.")
@click.option("--plugin", type=click.Path(), help="Python file that enters the method.")
@click.option("--weights", metavar="FOLDER", type=click.Path(), help="Where to look for weight files first.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option("--batch", type=int, help="Images at once; default by their size, halved when memory runs out.")
@click.option("--jobs", type=int, help="Worker processes; default 1 for networks and commands, else all processors.")
@click.option("--timeout", type=float, metavar="SECONDS", help="What a batch may take.  [default: 300]")
@click.option("--store", type=click.Choice(["png", "npy"]), default="png", show_default=True)
@click.option("--limit", type=int, help="Run only the first so many pairs.")
@click.option("--quiet", is_flag=True, help="Print problems only.")
@click.pass_context
def run(
    ctx: click.Context,
    method: str,
    set_path: str,
    out: str,
    settings: tuple[str, ...],
    plugin: str | None,
    weights: str | None,
    device: str,
    precision: str,
    batch: int | None,
    jobs: int | None,
    timeout: float | None,
    store: str,
    limit: int | None,
    quiet: bool,
) -> None:
    """Restore every blurred image of SET with METHOD.

    METHOD is a name (`facedeblur list methods`), a TorchScript file, or a TOML file that describes
    a TorchScript file or a command. What failed or is missing is run when the same command is run again.
    """
    from facedeblur.methods.runner import run as restore

    with bar("restoring", quiet=quiet) as update:
        outputs = restore(
            method,
            set_path,
            out,
            options=dict(_pair(text) for text in settings),
            plugin=plugin,
            weights=weights,
            device=device,
            precision=precision,
            batch=batch,
            jobs=jobs,
            timeout=timeout,
            store=store,
            limit=limit,
            progress=update,
            say=lambda line: click.echo(line, err=True),
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
    name = info["method"] + " (oracle: it was given the true kernel)" * info["oracle"]
    click.echo(f"{name}: {counts['ok']:,} of {counts['pairs']:,} images of {info['set']['name']} restored")
    reasons = Counter(row.status for row in outputs.statuses() if not row.ok)
    for reason, count in reasons.most_common(5):
        click.echo(f"  {reason}: {count:,}")
    if len(reasons) > 5:
        click.echo(f"  and {len(reasons) - 5:,} other reasons, see status.csv")
    if timings:
        spread = f"{timings['mean_s'] * 1e3:.3g} ms +- {timings['std_s'] * 1e3:.2g} an image"
        click.echo(f"  {spread} ({timings['images']} images, {timings['device']})")
    if info.get("parameters"):
        click.echo(f"  {info['parameters']:,} parameters")
    click.echo(f"  -> {outputs.root}")
