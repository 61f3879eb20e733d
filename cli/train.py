"""``facedeblur train``."""

from __future__ import annotations

from typing import Any

import click

from facedeblur.benchmark.reporter import bars
from facedeblur.cli import options


def _steps(ctx: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """``3000,50000`` as numbers, each once, in order."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if not word.isascii() or not word.isdecimal():
            raise click.BadParameter(f"expected whole numbers separated by commas, found '{word}'")
    return tuple(sorted({int(word) for word in words}))


@options.command(
    examples="""
    # Train the network of Shen et al. 2020 on CelebAMask-HQ
    facedeblur train shen2020 --faces celebamask:CELEBA -o shen2020/
    # Only its first three stages, on a GPU
    facedeblur train shen2020 --faces celebamask:CELEBA -o shen2020/ --stage 1-3 \\
        --device cuda --precision bf16-mixed
    # Keep the weights after some steps, for instance to look at their confidences
    facedeblur train umsn --faces celebamask:A -o umsn/ --keep-steps 3000,50000
    # Try a recipe for a few steps
    facedeblur train facedeblur-base --faces photos/ -o try/ --iterations 20
    # Learn to draw sketches from photographs and sketches, then train with them
    facedeblur train lin2020-sketches --faces photos/ --sketches sketches/ \\
        -o drawing/
    facedeblur train lin2020 --faces celeba:CELEBA -o lin2020/ \\
        --sketches drawing/lin2020-sketches.safetensors
    # Mix pairs of a set with those made of photographs: 30 % and 70 %
    facedeblur train deblurgan --faces photos/ --pairs video-set/,train \\
        --pairs-share 0.3 --crop 128 -o mixed/
    # Train without sharp faces: each is seen blurred by two kernels only
    facedeblur train xia2019-unsupervised --faces celeba:CELEBA -o xia/
    # Use the trained weights
    facedeblur run shen2020 set/ -o outputs/shen2020 --weights shen2020/
    """
)
@click.argument("recipe")
@options.faces_of("none, if --pairs are given")
@click.option(
    "--pairs",
    metavar="SET",
    multiple=True,
    show_default="none",
    help="Finished set whose blurred and sharp images are trained on, in addition to pairs made of --faces or alone; "
    "repeatable. SET,train uses only pairs with that role, SET,500 draws 500 pairs at random, and SET,25% a quarter.",
)
@click.option(
    "--pairs-share",
    metavar="SHARE",
    type=float,
    show_default="by the numbers of faces and pairs",
    help="Share of the training pairs (0 to 1) that come from --pairs.",
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    required=True,
    type=options.Output(),
    help="Folder for weights, checkpoints and logs.",
)
@click.option(
    "--stage",
    metavar="STAGE",
    default="all",
    help="Stages to train: a number from 1, a range such as 2-4, a name, or all.",
)
@click.option(
    "--iterations",
    metavar="N",
    type=click.IntRange(1),
    show_default="that of the recipe",
    help="Number of training steps per chosen stage.",
)
@click.option(
    "--batch",
    metavar="N",
    type=click.IntRange(1),
    show_default="that of the recipe",
    help="Number of pairs per batch.",
)
@click.option(
    "--crop",
    metavar="PIXELS",
    type=click.IntRange(1),
    show_default="that of the recipe",
    help="Side of the random crops to train on; faces of several sizes need it.",
)
@click.option(
    "--config",
    metavar="KEY=VALUE",
    multiple=True,
    show_default="that of the recipe",
    help="Setting of the network, as in TOML, e.g. widths=[16,32]; repeatable.",
)
@options.device()
@click.option("--devices", metavar="N", default=1, help="Number of GPUs that train together.")
@click.option(
    "--strategy",
    metavar="NAME",
    default="auto",
    help="Strategy of Lightning Fabric for several GPUs, e.g. ddp.",
)
@click.option(
    "--precision",
    type=click.Choice(["32", "bf16-mixed", "16-mixed"]),
    show_default="that of the recipe",
    help="Floating-point precision, in bits.",
)
@click.option(
    "--channels-last", is_flag=True, help="Store tensors with the channels last, which is faster on most GPUs."
)
@click.option("--compile", "compiled", is_flag=True, help="Train through torch.compile, which takes minutes at first.")
@click.option(
    "--workers",
    "loaders",
    metavar="N",
    default=-1,
    help="Number of processes that make batches; -1 uses all processors but one, up to 16.",
)
@options.seed("weights, pairs and order")
@click.option(
    "--resume/--restart", default=True, help="Resume the training in --out, or start the chosen stages again."
)
@click.option(
    "--begin",
    metavar="FILE",
    type=click.Path(),
    help="Weights or checkpoint that the first chosen stage starts from.",
)
@click.option(
    "--sketches",
    metavar="PLACE",
    multiple=True,
    type=click.Path(),
    help="Sketches that a network learns to draw: a folder with the file names of the photographs, or weights that "
    "draw each sharp face; repeatable for both.",
)
@click.option(
    "--stop-after",
    metavar="N",
    type=click.IntRange(1),
    show_default="never",
    help="Stop after N steps; run the command again to resume.",
)
@click.option(
    "--log-every",
    metavar="N",
    default=0,
    help="Steps between rows of the log; 0 means a twentieth of the stage, at most 50.",
)
@click.option(
    "--check-every",
    metavar="N",
    default=0,
    help="Steps between checks on held-out faces; 0 means a tenth of the stage, at most 1000.",
)
@click.option(
    "--save-every",
    metavar="N",
    default=0,
    help="Steps between checkpoints; 0 saves at each check.",
)
@click.option(
    "--keep-steps",
    "keep",
    metavar="N,...",
    callback=_steps,
    default="",
    show_default="none",
    help="Keep the weights after these steps of each chosen stage, in checkpoints/STAGE-STEP.safetensors.",
)
@click.option(
    "--held-out",
    metavar="N",
    default=32,
    help="Number of faces that are kept for checks, at most a tenth of all.",
)
@click.option("--half", is_flag=True, help="Export the weights in half precision, which halves the file.")
@options.match
@options.listed
@options.people
@options.limit
@options.identity
@options.as_selection
@options.finders
@options.as_finders
@options.min_coverage
@options.as_limits
@options.plugin("the network")
@options.jobs
@options.quiet
def train(
    recipe: str,
    faces: tuple[str, ...],
    out: str,
    stage: str,
    iterations: int | None,
    batch: int | None,
    crop: int | None,
    config: tuple[str, ...],
    device: str,
    devices: int,
    strategy: str,
    precision: str | None,
    channels_last: bool,
    compiled: bool,
    loaders: int,
    log_every: int,
    check_every: int,
    save_every: int,
    held_out: int,
    half: bool,
    keep: tuple[int, ...],
    plugin: str | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Train a network as RECIPE describes it.

    RECIPE is a name (see `facedeblur list train-recipes`) or a TOML file. Training pairs are made from the
    photographs during training, or taken from the finished sets of --pairs. Run the command again to resume
    an interrupted training; on one device the result is bit for bit that of an uninterrupted one. --jobs is
    the number of workers that align photographs before training.
    """
    from facedeblur.benchmark.registry import load_plugin
    from facedeblur.methods.training.devices import Hardware
    from facedeblur.methods.training.loop import Records
    from facedeblur.methods.training.recipe import load_train_recipe
    from facedeblur.methods.training.trainer import train as carry_out

    if plugin is not None:
        load_plugin(plugin)
    changed = load_train_recipe(recipe).adjusted(
        stage, iterations=iterations, batch=batch, crop=crop, precision=precision, config=_settings(config)
    )
    with bars(quiet=quiet, lines=not quiet) as reporter:
        done = carry_out(
            changed,
            faces,
            out,
            stage=stage,
            hardware=Hardware(device, devices, strategy, channels_last, loaders, compiled),
            records=Records(log_every, check_every, save_every, held_out, half, keep),
            progress=reporter,
            **given,
        )
    if not quiet and done.rank == 0:
        end = "" if done.finished else f", stopped in stage '{done.stage}' after step {done.step:,}"
        click.echo(f"{done.weights}{end}" + "".join(f", {key} {value:.4g}" for key, value in done.metrics.items()))


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``widths=[16, 32]`` and the like as settings; values that are not TOML are taken as text."""
    from facedeblur.benchmark.config import parse_toml
    from facedeblur.benchmark.errors import InputError

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--config {pair}: expected KEY=VALUE")
        try:
            settings[key] = parse_toml(f"value = {value}", key)["value"]
        except InputError:
            settings[key] = value
    return settings
