"""``facedeblur train``."""

from __future__ import annotations

import tomllib
from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


@click.command()
@click.argument("recipe")
@click.option("--faces", required=True, type=click.Path(), help="Folder of photographs, or one that `align` wrote.")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder for weights, checkpoints and logs.")
@click.option("--stage", default="all", show_default=True, help="Number from 1, range such as 2-4, name, or all.")
@click.option("--iterations", type=click.IntRange(1), help="Steps of every chosen stage, instead of the recipe's.")
@click.option("--batch", type=click.IntRange(1), help="Pairs per batch, instead of the recipe's.")
@click.option("--config", multiple=True, metavar="KEY=VALUE", help="Setting of the network, in TOML; repeatable.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--devices", default=1, show_default=True, help="Number of GPUs that train together.")
@click.option("--strategy", default="auto", show_default=True, help="How they do, in Lightning Fabric's words.")
@click.option("--precision", type=click.Choice(["32", "bf16-mixed", "16-mixed"]), help="Instead of the recipe's.")
@click.option("--channels-last", is_flag=True, help="Lay tensors out with the channels last.")
@click.option("--workers", "loaders", default=-1, show_default=True, help="Processes that make batches; -1 chooses.")
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option("--resume/--restart", default=True, show_default=True, help="Resume what is in OUT, or start again.")
@click.option("--begin", type=click.Path(), help="Weights that the first chosen stage starts from.")
@click.option("--stop-after", type=click.IntRange(1), metavar="N", help="Stop after N steps; run again to resume.")
@click.option("--log-every", default=0, help="Steps between rows of the log; 0 chooses.")
@click.option("--check-every", default=0, help="Steps between checks on held-out faces; 0 chooses.")
@click.option("--save-every", default=0, help="Steps between checkpoints; 0 chooses.")
@click.option("--held-out", default=32, show_default=True, help="Faces held out for checks, at most a tenth of all.")
@click.option("--half", is_flag=True, help="Export the weights in half precision.")
@options.match
@options.limit
@options.as_selection
@options.finders
@options.plugin("the network")
@options.jobs
@options.quiet
def train(
    recipe: str,
    faces: str,
    out: str,
    stage: str,
    iterations: int | None,
    batch: int | None,
    config: tuple[str, ...],
    device: str,
    devices: int,
    strategy: str,
    precision: str | None,
    channels_last: bool,
    loaders: int,
    log_every: int,
    check_every: int,
    save_every: int,
    held_out: int,
    half: bool,
    plugin: str | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Train a network by RECIPE, a name (`facedeblur list train-recipes`) or a TOML file.

    Training pairs are made from the photographs as the recipe says. Run the same command again to resume an interrupted
    training; on one device the result is the same bit for bit.
    """
    from facedeblur.benchmark.registry import load_plugin
    from facedeblur.methods.training.devices import Hardware
    from facedeblur.methods.training.loop import Records
    from facedeblur.methods.training.recipe import load_train_recipe
    from facedeblur.methods.training.trainer import train as carry_out

    if plugin is not None:
        load_plugin(plugin)
    changed = load_train_recipe(recipe).adjusted(
        stage, iterations=iterations, batch=batch, precision=precision, config=_settings(config)
    )
    with bars(quiet=quiet, lines=not quiet) as reporter:
        done = carry_out(
            changed,
            faces,
            out,
            stage=stage,
            hardware=Hardware(device, devices, strategy, channels_last, loaders),
            records=Records(log_every, check_every, save_every, held_out, half),
            progress=reporter,
            **given,
        )
    if not quiet and done.rank == 0:
        end = "" if done.finished else f", stopped in stage '{done.stage}' after step {done.step:,}"
        click.echo(f"{done.weights}{end}" + "".join(f", {key} {value:.4g}" for key, value in done.metrics.items()))


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``widths=[16, 32]`` and the like as settings; what is no TOML value is taken as text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--config {pair}: expected KEY=VALUE")
        try:
            settings[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key] = value
    return settings
