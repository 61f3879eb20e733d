"""What is registered by name: methods, metrics, networks, losses, layouts of collections, face providers; weights."""

from __future__ import annotations

import inspect
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from markup import at, code, docstring, fenced, first_paragraph, first_sentence, module_of, prose, table, text_of

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import metric
from facedeblur.benchmark.registry import Registry
from facedeblur.benchmark.scoring.protocol import load_protocol, protocols
from facedeblur.benchmark.weights import VARIABLE, WEIGHTS
from facedeblur.cli.list_ import FILLED_BY, REGISTRIES
from facedeblur.methods.base import spec_of
from facedeblur.methods.kinds.network import NetworkMethod
from facedeblur.methods.nets.base import declared
from facedeblur.methods.nets.loading import SHIPPED
from facedeblur.methods.options import defaults
from facedeblur.methods.training.recipe import load_train_recipe, train_recipes

PLACES = REGISTRIES
OWN_PAGES = ("methods", "metrics", "networks")
TOLD_BY_MODULE = ("metrics", "detectors", "landmarkers", "embedders", "parsers")
SAID = {
    "methods": "Restore every image of a set: `facedeblur run NAME SET -o OUTPUTS`. An oracle is given the true "
    "kernel, which is unknown outside a benchmark; it is shown but never ranked. "
    "[How to add one](../extend/method.md).",
    "metrics": "Columns of a score table: `facedeblur score SET OUTPUTS --metric NAME`. A metric's full name is its "
    "definition: options that are left out between the brackets take their defaults, and two values are compared only "
    "if their full names are equal. [How to add one](../extend/metric.md).",
    "networks": "Trained by `facedeblur train`. `facedeblur.methods.nets.base.make_network(NAME, ...)` makes one with "
    "new weights. [How to add one](../extend/network.md).",
    "discriminators": "Networks are trained against them: `discriminator` of a training recipe's stage.",
    "losses": "Terms of a training objective: `losses` of a training recipe's stage, with their options.",
    "adversaries": "The two objectives of an adversarial game: `kind` of a stage's adversary.",
    "detectors": "Find faces: `--detector NAME` of `align`, `build` and others, and the option of the metric "
    "`detection`. Options follow the name: `dlib-hog,up1`. [How to add one](extend/detector.md).",
    "landmarkers": "Find the five points of a face that are aligned: `--landmarker NAME`.",
    "embedders": "Turn a face into a vector that tells identities apart: for the metric `identity` and `recognise`.",
    "parsers": "Label every pixel of a face: `--parser NAME` of `parse`.",
    "collections": "Known folder layouts of photographs. `--faces NAME:FOLDER` reads one, "
    "`auto:FOLDER` recognises it, and several can be put together: `--faces helen:A,train,2000 --faces celeba:B,10%` "
    "([how](tutorials/photographs.md#several-collections-in-one-set)). Nothing is downloaded. "
    "[How to add one](extend/collection.md).",
    "layouts": "Known layouts of blurred images with their sharp ones. "
    "`facedeblur build pairs --faces NAME:FOLDER -o SET` reads one, "
    "and without a name the layout is recognised ([how](tutorials/pairs.md)). Nothing is downloaded.",
    "noises": "Laws of the noise that is added to blurred images: `noise.kind` of a recipe. "
    "[How to add one](extend/noise.md).",
}
TITLES = {
    "collections": "Photo collections",
    "layouts": "Layouts of pairs",
    "noises": "Noise laws",
    "adversaries": "Adversarial games",
}


@dataclass(frozen=True)
class Entry:
    """One registered thing, or the reason why it does not import here."""

    kind: str
    name: str
    thing: Any
    broken: str = ""

    @property
    def summary(self) -> str:
        """One line; of a metric or a face provider it is its module that says what it is."""
        if self.broken:
            return f"does not import here: {self.broken}"
        own = text_of(self.thing)
        told = self.kind in TOLD_BY_MODULE or not isinstance(self.thing, type)
        return first_paragraph(text_of(module_of(self.thing))) if told and own else first_sentence(own)


def entries(kind: str) -> list[Entry]:
    """All entries of a kind, in alphabetical order."""
    if kind in FILLED_BY:
        import_module(FILLED_BY[kind])
    registry: Registry[Any] = at(PLACES[kind])
    found = []
    for name in registry:
        try:
            found.append(Entry(kind, name, registry.get(name)))
        except InputError as error:
            found.append(Entry(kind, name, None, str(error)))
    return found


def title(kind: str) -> str:
    """Heading of a kind."""
    return TITLES.get(kind, kind.capitalize())


def _body(entry: Entry) -> list[str]:
    """Facts and text about an entry, without its heading."""
    if entry.broken:
        return [prose(entry.summary)]
    facts = _FACTS.get(entry.kind, _no_facts)(entry)
    described = hasattr(entry.thing, "terms")
    own, module = docstring(entry.thing, parameters=not described), module_of(entry.thing)
    if described:
        own += "\n\n" + _options(entry)
    # A module of a whole family says no more of one member than its own text does.
    told = entry.summary == first_paragraph(text_of(module))
    order = (docstring(module), *facts, own) if told else (own, *facts)
    return [part for part in order if part]


def _options(entry: Entry) -> str:
    """The options of a metric or a face provider, in its own words."""
    written = {
        re.sub(r"\([^)]*\)", "N", option).replace("\\.", "."): said for option, said in entry.thing.terms.items()
    }
    rows = [(code(option), prose(said.replace("{}", "N"))) for option, said in written.items() if option != entry.name]
    parts = [table(("option", "meaning"), rows)] if rows else []
    if "of" in vars(entry.thing) and not text_of(entry.thing.of).endswith("see `Metric.of`."):
        parts.append(docstring(entry.thing, member="of"))
    return "\n\n".join(parts)


def _no_facts(entry: Entry) -> list[str]:
    return []


def _method_facts(entry: Entry) -> list[str]:
    spec, usual = spec_of(entry.thing), defaults(entry.thing)
    needed = [key for key, value in usual.items() if value is inspect.Parameter.empty]
    rows = [(code(key), "required" if key in needed else code(value)) for key, value in usual.items()]
    words = [f"facedeblur run {entry.name} SET -o OUTPUTS", *(f"--set {key}={key.upper()}" for key in needed)]
    told = []
    if issubclass(entry.thing, NetworkMethod):
        told, weights = _weights_told(entry.thing.net)
        words += weights
    facts = [("version", spec.version), ("given the true kernel", "yes: an oracle" if spec.oracle else "no")]
    facts += [("weights", code(file)) for file, _ in spec.weights]
    shown = [fenced(" ".join(words), "text"), *told, table(("", ""), facts)]
    shown += [docstring(NetworkMethod)] if told else []
    return [*shown, *(["## Options\n\n`--set KEY=VALUE`\n\n" + table(("option", "default"), rows)] if rows else [])]


def _weights_told(net: str) -> tuple[list[str], list[str]]:
    """Where the weights of a network come from, and the words of the command line that name the place."""
    said = f"The network is [{net}](../networks/{net}.md)"
    if (SHIPPED / f"{net}.safetensors").is_file():
        return [f"{said}; its weights come with the package."], []
    own = f"{said}. FOLDER holds `{net}.safetensors`, which [train](../commands/train.md) writes"
    theirs = " and ".join(code(names[0]) for names in declared(net).files)
    return [
        own
        + (f", or the original {theirs}." if theirs else "; the original weights are not available or cannot be read.")
    ], ["--weights FOLDER"]


def _metric_facts(entry: Entry) -> list[str]:
    used, columns = [], []
    for name in protocols():
        found = [one.name for one in load_protocol(name).metric if one.name.partition("[")[0] == entry.name]
        used += [f"- [{name}](../protocols/{name}.md): " + ", ".join(map(code, found))] if found else []
        columns += found
    asked, made = _tried(entry, columns)
    rows = [("full name", code(made.signature)), ("heading", made.label)] if made is not None else []
    rows += [("unit", entry.thing.unit or "none")] if made is not None else []
    rows.append(("what is measured", prose(entry.thing.summary)))
    rows.append(("better", "higher" if entry.thing.higher_is_better else "lower"))
    rows.append(("compares with the sharp image", "yes" if entry.thing.needs.sharp else "no"))
    if made is not None:
        least, most = made.limits
        rows.append(("values", f"from {least:g} " + ("up" if math.isinf(most) else f"to {most:g}")))
        rows.append(("a missing output counts as", f"{made.worst:g}, unless the protocol says otherwise"))
    parts = [fenced(f"facedeblur score SET OUTPUTS --metric {shlex.quote(asked)}", "text"), table(("", ""), rows)]
    return [*parts, *(["## In protocols\n\n" + "\n".join(used)] if used else []), "## Definition"]


def _tried(entry: Entry, columns: list[str]) -> tuple[str, Any]:
    """How the metric is requested, and what is made of it: by its name, else as a protocol has it; None without."""
    for asked in (entry.name, *columns):
        try:
            return asked, metric(asked)
        except InputError:
            continue
    return entry.name, None


def _network_facts(entry: Entry) -> list[str]:
    recipes = [name for name in train_recipes() if load_train_recipe(name).network == entry.name]
    used = [f"[{name}](../training/{name}.md)" for name in recipes]
    settings = inspect.signature(entry.thing).parameters.values()
    rows = [
        (code(one.name), code(one.default) if one.default is not one.empty else "")
        for one in settings
        if one.kind is one.KEYWORD_ONLY
    ]
    lines = [f"Trained by {', '.join(used)}."] if used else []
    parts = getattr(entry.thing, "parts", ())
    if isinstance(parts, tuple) and parts:
        lines.append("Parts that a stage trains or freezes: " + ", ".join(map(code, parts)) + ".")
    if isinstance(multiple := getattr(entry.thing, "multiple", None), int) and multiple > 1:
        lines.append(f"Height and width are padded to multiples of {multiple}.")
    return [" ".join(lines), table(("setting", "default"), rows) if rows else ""]


def _collection_facts(entry: Entry) -> list[str]:
    reads = first_paragraph(text_of(entry.thing.read))
    rows = [("get it", prose(entry.thing.get)), ("licence", prose(entry.thing.licence)), ("what is listed", reads)]
    rows.append(("recognised by", first_paragraph(text_of(entry.thing.detects))))
    return [table(("", ""), rows)]


def _layout_facts(entry: Entry) -> list[str]:
    layout = entry.thing
    rows = [("files", code(layout.shape)), ("licence", prose(layout.licence))]
    rows.append(("recognised", "yes" if layout.recognised else f"no: name it, as in `{entry.name}:FOLDER`"))
    rows += [(f"note on {about}", prose(text)) for about, text in layout.notes.items()]
    return [table(("", ""), rows)]


_FACTS: dict[str, Callable[[Entry], list[str]]] = {
    "methods": _method_facts,
    "metrics": _metric_facts,
    "networks": _network_facts,
    "collections": _collection_facts,
    "layouts": _layout_facts,
}


def _weights_page() -> str:
    rows = [
        (code(name), ", ".join(map(code, one.patterns)), prose(one.get), code(one.sha256[:8]) if one.sha256 else "")
        for name, one in WEIGHTS.items()
    ]
    return (
        "# Weight files\n\nNothing is ever downloaded. A file is looked for in the folder that the variable "
        f"`{VARIABLE}` names, else in facedeblur's cache folder, and in packages that carry it; `facedeblur info` says "
        "where, and what it found. If one is missing, its column is left out and the table says so. If a sha256 is "
        "given, no other content is accepted.\n\n"
        + table(("name", "file", "how to get it", "sha256 begins"), rows)
        + "\n"
    )


def pages() -> dict[str, str]:
    """Path -> Markdown of every page about registered things."""
    made = {"weights.md": _weights_page()}
    for kind in PLACES:
        found = entries(kind)
        head = f"# {title(kind)}\n\n{SAID.get(kind, '')}".rstrip()
        if kind in OWN_PAGES:
            rows = [(f"[{one.name}]({one.name}.md)", one.summary) for one in found]
            made[f"{kind}/index.md"] = f"{head}\n\n" + table(("name", "what it is"), rows) + "\n"
            for one in found:
                made[f"{kind}/{one.name}.md"] = "\n\n".join([f"# {one.name}", *_body(one)]) + "\n"
            continue
        parts = ["\n\n".join([f"## {one.name}", *_body(one)]) for one in found]
        made[f"{kind}.md"] = "\n\n".join([head, *parts]) + "\n"
    return made


def registries_in(folders: list[Path]) -> list[str]:
    """Places of all registries in source files, as ``module:NAME`` without the package's name."""
    found = []
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            for line in file.read_text(encoding="utf-8").splitlines():
                name, equals, value = line.partition(" = ")
                if equals and value.startswith("Registry(") and not line.startswith(" "):
                    module = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
                    found.append(f"{module}:{name.partition(':')[0].strip()}")
    return found
