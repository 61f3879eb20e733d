"""``facedeblur info``."""

from __future__ import annotations

import json

import click

from facedeblur.cli import options

ALL = "all"


@options.command(
    examples="""
    # Is a weight file missing? Which device would be used?
    facedeblur info
    # Licence, training data and published value of every known weight file
    facedeblur info --weights
    # One card with its sources
    facedeblur info --weights NAFNet-GoPro-width64.pth
    """
)
@click.option(
    "--weights",
    metavar="[NAME]",
    is_flag=False,
    flag_value=ALL,
    show_default="no cards",
    help="Show the cards of known weight files, or the card NAME (of a card or a file): where the file was found, its "
    "hash, licence, training data and published value.",
)
@options.as_json
@click.pass_context
def info(ctx: click.Context, weights: str | None, json_: bool) -> None:
    """Show what is installed, its licences, the weight files that were found, and the device networks would use."""
    if json_ and weights is None:
        raise click.UsageError("--json needs --weights", ctx)
    if weights is not None:
        _print_weights(weights, json_=json_)
        return
    from importlib.resources import files

    from facedeblur.benchmark.parallel import cores
    from facedeblur.benchmark.weights import VARIABLE, WEIGHTS, cache_folder, find_file
    from facedeblur.methods.running.environment import device_name, extras, processor, versions
    from facedeblur.methods.running.execution import choose_device

    packages = ("facedeblur", "numpy", "scipy", "numba", "opencv-python", "scikit-image", "pandas", "torch")
    _section("versions", list(versions(packages).items()))
    device = choose_device("auto", network=True, method="")
    devices = [("processor", f"{processor()}, {cores()} usable")]
    devices += [("networks on", device if device == "cpu" else f"{device}: {device_name(device)}")]
    _section("devices", devices)
    licences = [("code", "MIT")]
    for package in ("facedeblur.methods.nets", "facedeblur.methods.classical.blind", "facedeblur.benchmark.faces"):
        cards = [path for path in (files(package) / "weights").iterdir() if path.name.endswith(".json")]
        licences += [(f"weights {card.name[:-5]}", json.loads(card.read_text())["licence"]) for card in cards]
    _section("licences", licences)
    states = [(name, f"missing {', '.join(missing)}" if missing else "installed") for name, missing in extras().items()]
    _section("extras", states)
    places = [("searched in", f"the folders in {VARIABLE}, then {cache_folder()}")]
    for name, weight in WEIGHTS.items():
        path = find_file(name)
        places.append((name, str(path) if path else f"not found; {weight.get}"))
    _section("weights", places)


def _print_weights(name: str, *, json_: bool) -> None:
    """Print all cards, or the one of this name."""
    from facedeblur.cli.display.weights import print_card, print_cards, records
    from facedeblur.methods.weight_cards.cards import card_named, cards, find_card_files

    found = [find_card_files(card) for card in (cards() if name == ALL else (card_named(name),))]
    if json_:
        options.echo_json(records(found))
    elif name == ALL:
        print_cards(found)
    else:
        print_card(found[0])


def _section(title: str, rows: list[tuple[str, str]]) -> None:
    click.secho(title, bold=True)
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"  {name:<{width}}  {text}")
