"""What comes as TOML files: recipes of sets, protocols, training recipes. One page a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markup import code, fenced, prose, table

from facedeblur.benchmark.scoring import protocol
from facedeblur.generators import recipe
from facedeblur.generators.packaged.faces import PACKAGES
from facedeblur.methods.training import recipe as training


@dataclass(frozen=True)
class Kind:
    """A kind of TOML file: where they lie, how one is read, and what stands above the list of them."""

    folder: str
    title: str
    package: str
    names: Callable[[], list[str]]
    load: Callable[[str], Any]
    use: str
    said: str


KINDS = (
    Kind(
        "recipes", "Recipes", recipe.PACKAGE, recipe.recipes, lambda name: recipe.load_recipe(name)[0],
        "facedeblur build {name} --faces PHOTOS -o SET",
        "How a set is made, as data. A copy of the file with other values is a recipe too: give its path, which ends "
        "in `.toml`, instead of the name. An unknown key is an error that names the nearest known one.",
    ),
    Kind(
        "protocols", "Protocols", protocol.PACKAGE, protocol.protocols, protocol.load_protocol,
        "facedeblur score SET OUTPUTS --protocol {name}",
        "Which metrics a paper reports, each by its full definition, and what a failed pair counts as. The first "
        "metric ranks. A TOML file of your own, given by its path, is a protocol too.",
    ),
    Kind(
        "training", "Training recipes", training.PACKAGE, training.train_recipes, training.load_train_recipe,
        "facedeblur train {name} --faces PHOTOS -o OUT",
        "What a network is trained on, in which stages, and how. A copy of the file with other values is a training "
        "recipe too, and so is a file with `base = \"NAME\"` that holds only what is different: tables are merged, "
        "lists are replaced, stages are merged by `name`, `stages` chooses and orders them, `drop` leaves out losses "
        "or keys, `terms` changes single losses and `add` adds some.",
    ),
)  # fmt: skip


def _source(kind: Kind, name: str) -> str:
    return (files(kind.package) / f"{name}.toml").read_text(encoding="utf-8")


def _page(kind: Kind, name: str) -> str:
    one = kind.load(name)
    use = kind.use.format(name=name)
    if getattr(one, "kind", "") == "frames":
        use = use.replace("PHOTOS", "VIDEOS")
    if getattr(one, "virtual", False):
        use = f"facedeblur pairs {name} --faces PHOTOS -o PAIRS --count 1000"
    parts = [f"# {name}", f"{prose(one.title)}. Source: {prose(one.source.rstrip('.'))}.", fenced(use, "text")]
    parts += _FACTS[kind.folder](one)
    if assumed := getattr(one, "assumption", ()):
        rows = [(code(entry.key), prose(entry.text)) for entry in assumed]
        said = "What the source leaves open, and how it was decided:"
        parts.append(f"## Assumptions\n\n{said}\n\n" + table(("key", "decision"), rows))
    parts.append("## The file\n\n" + fenced(_source(kind, name), "toml", f"{name}.toml"))
    if kind.folder == "recipes":
        rows = [(code(key), prose(value)) for key, value in values_of(one)]
        parts.append("## Every value, defaults included\n\n" + table(("key", "value"), rows))
    return "\n\n".join(parts) + "\n"


def _recipe_facts(one: recipe.Recipe) -> list[str]:
    facts = []
    if one.faces and one.faces.package:
        of = "; ".join(f"`{name}`, {PACKAGES[name]}" for name in one.faces.package)
        facts.append(f"The faces come with the package: {of}. `build` needs no `--faces`.")
    if one.faces and one.faces.collection:
        of = one.faces.collection + (f":FOLDER,{one.faces.role}" if one.faces.role else ":FOLDER")
        facts.append(f"Only these photographs are taken: `--faces {of}`.")
    if not one.virtual:
        return facts
    facts.append("Virtual: there are too many pairs to store, so they are made on request; `pairs` writes any of them.")
    return facts


def _protocol_facts(one: protocol.Protocol) -> list[str]:
    rows = []
    for entry in one.metric:
        family = entry.name.partition("[")[0]
        need = "optional" if entry.optional else "always"
        shown = f"[`{entry.name}`](../metrics/{family}.md)"
        rows.append((shown, f"{entry.failure:g}", need, prose(entry.tables)))
    said = "An optional column is left out, with the reason on record, if its package or weights are missing."
    return ["## Columns\n\n" + table(("metric", "a failure counts as", "computed", "published in"), rows), said]


def _training_facts(one: training.TrainRecipe) -> list[str]:
    rows = []
    for stage in one.stage:
        losses = [f"{loss.weight:g} {code(loss.name)}{_of(loss.options)}" for loss in stage.losses]
        if stage.adversary is not None:
            losses.append(f"{stage.adversary.weight:g} adversary {code(stage.adversary.kind)}")
        parts = ", ".join(map(code, stage.train)) or "all parts"
        rate = f"{stage.optimiser.kind}, {stage.optimiser.lr:g}, {stage.schedule.kind}"
        limits = [f"{stage.iterations:,}"] if stage.iterations else []
        limits += [f"{stage.epochs:,} epochs"] if stage.epochs else []
        rows.append((code(stage.name), " or ".join(limits), parts, " + ".join(losses), rate))
    shipped = one.data.recipe in recipe.recipes()
    data = f"[{one.data.recipe}](../recipes/{one.data.recipe}.md)" if shipped else code(one.data.recipe)
    said = f"Network [{one.network}](../networks/{one.network}.md), pairs of {data}, batches of {one.data.batch}."
    if one.base:
        said = f"Changes of [{one.base}]({one.base}.md). {said}"
    return [said, "## Stages\n\n" + table(("stage", "steps", "trained", "losses", "optimiser, rate, schedule"), rows)]


def _of(options: dict[str, Any]) -> str:
    return f" of {code(options['of'])}" if "of" in options else ""


_FACTS: dict[str, Callable[[Any], list[str]]] = {
    "recipes": _recipe_facts,
    "protocols": _protocol_facts,
    "training": _training_facts,
}


def values_of(one: Any) -> list[tuple[str, str]]:
    """Dotted keys of a recipe with their values, defaults included; tables that are not used are left out."""
    found: list[tuple[str, str]] = []

    def walk(prefix: str, record: Any) -> None:
        for field in dataclasses.fields(record):
            value, key = getattr(record, field.name), f"{prefix}{field.name}"
            if value is None or key in {"name", "title", "source", "assumption"}:
                continue
            if dataclasses.is_dataclass(value):
                walk(f"{key}.", value)
            elif value != "":
                found.append((key, ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)))

    walk("", one)
    return found


def _index(kind: Kind) -> str:
    loaded = {name: kind.load(name) for name in kind.names()}
    rows = [(f"[{name}]({name}.md)", prose(one.title), prose(one.source)) for name, one in loaded.items()]
    return f"# {kind.title}\n\n{kind.said}\n\n" + table(("name", "what it is", "source"), rows) + "\n"


def pages() -> dict[str, str]:
    """Path -> Markdown of every page made from a TOML file."""
    made = {}
    for kind in KINDS:
        made[f"{kind.folder}/index.md"] = _index(kind)
        made |= {f"{kind.folder}/{name}.md": _page(kind, name) for name in kind.names()}
    return made
