"""Nothing is undocumented: every command, option, column, and everything that is registered has its line."""

from __future__ import annotations

import ast
import dataclasses
import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import click
import pytest

import facedeblur as fd
from facedeblur.benchmark.outputs import Status
from facedeblur.benchmark.scoring import table as scores
from facedeblur.benchmark.sets.set import Image, Pair
from facedeblur.benchmark.whole_set.fid import Fid
from facedeblur.benchmark.whole_set.parsing import Parsing
from facedeblur.benchmark.whole_set.recognition import Recognition
from facedeblur.cli.main import COMMANDS, facedeblur
from facedeblur.generators.align.quality import Quality
from facedeblur.generators.photos.lists import Choice
from facedeblur.generators.video.frames import WindowRow
from facedeblur.reports.leaderboard.columns import COLUMNS, csv_columns
from facedeblur.reports.tables.published.compared import comparison
from facedeblur.reports.tables.published.values import published

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FLOORS = ("benchmark", "generators", "methods", "reports", "cli")

sys.path.insert(0, str(DOCS))
try:
    site = import_module("generate")
finally:
    sys.path.remove(str(DOCS))
entries, recipes = site.entries, site.recipes

TABLES = {
    "images.csv": {field.name for field in dataclasses.fields(Image)},
    "manifest.csv": {field.name for field in dataclasses.fields(Pair)},
    "windows.csv": {field.name for field in dataclasses.fields(WindowRow)},
    "quality.csv": {field.name for field in dataclasses.fields(Quality)},
    "Image list": {field.name for field in dataclasses.fields(Choice)},
    "status.csv": {field.name for field in dataclasses.fields(Status)},
    "scores.parquet": set(scores.KEYS),
    "recognition.parquet": set(Recognition.columns),
    "parsing.parquet": set(Parsing.columns),
    "fid-FEATURES.parquet": set(Fid.columns),
}


@pytest.fixture(scope="module", autouse=True)
def only_our_own():
    """Hide what tests in the same process have registered: the site shows what is installed."""
    changed = []
    for place in entries.PLACES.values():
        module, _, attribute = place.partition(":")
        registry = getattr(import_module(module), attribute)
        changed.append((registry, registry._entries))
        registry._entries = {
            name: one
            for name, one in registry._entries.items()
            if (one if isinstance(one, str) else one.__module__).startswith("facedeblur.")
        }
    yield
    for registry, all_entries in changed:
        registry._entries = all_entries | registry._entries


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Path -> Markdown of all that is made from the code."""
    return site.pages()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, str]:
    """Path -> HTML of the site, built as `make docs` does: a dead link or a missing anchor or page ends the build."""
    for package in ("mkdocs", "material", "mkdocs_click", "mkdocstrings_handlers.python"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip(), done.stderr
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}


def commands() -> Iterator[tuple[click.Command, click.Context]]:
    """Every command, those of groups too."""

    def walk(name: str, command: click.Command, above: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
        context = click.Context(command, info_name=name, parent=above)
        yield command, context
        for inner, member in getattr(command, "commands", {}).items():
            yield from walk(inner, member, context)

    root = click.Context(facedeblur, info_name="facedeblur")
    for theme in COMMANDS.values():
        for name in theme:
            command = facedeblur.get_command(root, name)
            assert command is not None
            yield from walk(name, command, root)


def whole_help(context: click.Context) -> str:
    """What a command and the groups around it say of their arguments."""
    texts = []
    while context.parent is not None:
        texts.append(context.command.help or "")
        context = context.parent
    return "\n\n".join(texts)


@pytest.mark.parametrize(
    ("command", "context"), [pytest.param(*found, id=found[1].command_path) for found in commands()]
)
def test_a_command_and_its_options_are_explained(command, context, built):
    name = context.command_path
    assert (command.help or "").strip(), f"{name}: give the function a docstring"
    page = html.unescape(re.sub(r"<[^>]+>", "", built[f"commands/{name.split()[1]}.html"]))
    shown = page[page.index(f"{name} [OPTIONS]") :]
    for one in command.params:
        if isinstance(one, click.Argument):
            metavar = one.make_metavar(context).strip("[]. ").rstrip("]. ")
            assert metavar in whole_help(context), f"{name}: its help does not say what {metavar} is"
        elif isinstance(one, click.Option) and not one.hidden:
            assert (one.help or "").strip(), f"{name} {one.opts[-1]}: no help text"
            line = re.search(rf"^ +(-\w, )?{re.escape(one.opts[-1])}\b.*", shown, re.MULTILINE)
            assert line, f"{name} {one.opts[-1]} is not on its page"
    assert command.examples in page, f"{name}: its examples are not on its page"


def test_every_command_has_a_line_among_all(pages):
    for theme in COMMANDS.values():
        for name in theme:
            assert re.search(rf"^\| \[{name}\].*\| \S.* \|$", pages["commands/index.md"], re.MULTILINE)


def test_docstrings_and_signatures_stand_on_the_pages(built):
    assert "commands/figure.html" in built and "facedeblur figure kernel-size" in built["commands/figure.html"]
    for path in re.findall(r"^::: (\S+)$", (DOCS / "python.md").read_text(encoding="utf-8"), re.MULTILINE):
        assert f'id="{path}"' in built["python.html"], path
    assert "Wiener filter with the true kernel" in built["methods/wiener.html"]
    assert "Ratio of the spectra of noise and image" in built["methods/wiener.html"]
    assert (
        "S-Net: instance normalisation (Fig. 3) and softmax, for cross entropy (section IV-A)"
        in built["networks/umsn.html"]
    )
    assert "<td><code>capN</code></td>\n<td>identical images count as N dB</td>" in built["metrics/psnr.html"]
    assert "<td><code>up0</code></td>\n<td>on the image as it is</td>" in built["detectors.html"]


def test_the_front_door_is_on_one_page():
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^::: facedeblur\.(\w+)$", text, re.MULTILINE))
    shown |= set(re.findall(r"^    options: \{heading: (\w+)\}$", text, re.MULTILINE))
    assert set(fd.__all__) - {"__version__"} <= shown


def test_parameters_that_share_an_entry_keep_their_own_types_and_defaults():
    before = "Width.\n\nParameters\n----------\na, b : int\n    Sides.\n\n    Odd.\nc : {'x', 'y'}\nd, e\n    Rest.\n"
    after = "Width.\n\nParameters\n----------\na : int\n    Sides.\n\n    Odd.\nb : int\n    Sides.\n\n    Odd.\n"
    after += "c : 'x' or 'y'\nd\n    Rest.\ne\n    Rest.\n"
    returns = "\nReturns\n-------\na, b : int\n    Both.\n"
    sys.path.insert(0, str(DOCS / "generator"))
    try:
        rewritten = import_module("docstrings").rewritten
    finally:
        sys.path.remove(str(DOCS / "generator"))
    assert rewritten(before + returns) == after + returns


@pytest.mark.parametrize("kind", sorted(entries.PLACES))
def test_everything_registered_says_what_it_is(kind, pages):
    found = entries.entries(kind)
    assert found
    for one in found:
        assert not one.broken, f"{kind}, {one.name}: {one.broken}"
        assert one.summary, f"{kind}, {one.name}: no docstring"
        if kind in entries.OWN_PAGES:
            assert one.summary in pages[f"{kind}/index.md"].replace("\\|", "|")
            assert f"# {one.name}" in pages[f"{kind}/{one.name}.md"]
        else:
            assert f"\n## {one.name}\n" in pages[f"{kind}.md"]


def test_every_registry_is_in_the_site():
    shown = {place.removeprefix("facedeblur.") for place in entries.PLACES.values()}
    assert set(entries.registries_in([ROOT / floor for floor in FLOORS])) == shown


@pytest.mark.parametrize("kind", recipes.KINDS, ids=[kind.folder for kind in recipes.KINDS])
def test_every_recipe_and_protocol_has_a_page(kind, pages):
    for name in kind.names():
        one = kind.load(name)
        assert one.title and one.source, f"{kind.folder}, {name}: title and source are wanted"
        page = pages[f"{kind.folder}/{name}.md"]
        assert f"# {name}\n" in page
        for entry in getattr(one, "assumption", ()):
            assert f"| `{entry.key}` |" in page
        for column in getattr(one, "metric", ()):
            assert f"[`{column.name}`](../metrics/" in page


def test_every_compared_method_is_on_its_page(pages):
    page = pages["compared.md"]
    for paper in published().sources.values():
        assert f"\n## {paper.short}\n" in page and f"\n#### {paper.short}, " in page
    for one in comparison().method:
        assert not one.runs or f"[{one.runs}](methods/{one.runs}.md)" in page, one.name
        assert one.runs or not one.program or f"| `{one.program}.toml` |" in page, one.name
    # Printed, counted, megabytes: a network of another's table, and our own.
    assert "| Shen et al. 2020, Table 12 | Tao et al. (2018) | 32.2 M | 8,061,411 | 32.2 |" in page
    assert "| Jung et al., Table 6 | Ours | 44.7 M | 44,659,843 | 178.6 |" in page
    assert "| Helen 16.82 dB, 0.574; CelebA 13.03 dB, 0.445 |  | `facedeblur run cho-lee-2009 SET -o OUTPUTS` |" in page


def test_every_value_of_a_recipe_stands_on_its_page(pages):
    assert "| `kernels.per_size` | 10 |" in pages["recipes/shen2020.md"]
    assert "| `noise.sigma` | 0.01 |" in pages["recipes/shen2020.md"]


def test_what_a_page_tells_to_type_is_whole(pages):
    assert not [path for path, text in pages.items() if "inspect._empty" in text]
    assert "--set exemplars=EXEMPLARS\n" in pages["methods/pan-2014-faces.md"]
    assert "facedeblur run umsn SET -o OUTPUTS --weights FOLDER\n" in pages["methods/umsn.md"]
    assert "facedeblur run facedeblur-base SET -o OUTPUTS\n" in pages["methods/facedeblur-base.md"]
    assert "--metric 'psnr-class[rgb,255,masked,umsn4,skin]'\n" in pages["metrics/psnr-class.md"]
    assert "--faces VIDEOS" in pages["recipes/anand-motion.md"]


def columns_of(section: str) -> set[str]:
    """Names in the first column of the table below a heading of the page about files; a row may name several."""
    text = (DOCS / "files.md").read_text(encoding="utf-8")
    found = re.search(rf"^### {re.escape(section)}$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/files.md: no section '{section}'"
    names: set[str] = set()
    for line in found[1].splitlines():
        head, bar, meaning = line.strip("| ").partition(" | ")
        if bar and meaning.strip():
            names |= set(re.findall(r"`([^`]+)`", head))
    return names


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_file_is_explained(table):
    assert columns_of(table) == TABLES[table]


def test_every_column_of_the_leaderboard_is_explained(tmp_path):
    from facedeblur.benchmark.scoring.table import Column, ScoreMeta, Scores
    from facedeblur.reports.leaderboard.table import leaderboard

    pd = pytest.importorskip("pandas")
    rows = [(i, f"p{i}", f"i{i % 2}", f"i{i % 2}", "test", "k", 13, "ok", 0.1, "", 20.0 + i) for i in range(4)]
    column = Column("psnr[rgb,255]", "PSNR", "dB", True, 0.0)
    about = {"method": "m", "oracle": False, "hash": "1", "files": "1", "path": ""}
    meta = ScoreMeta({"name": "s", "hash": "1"}, about, "shen2020", (column,), (), (), {})
    frame = leaderboard([Scores(pd.DataFrame(rows, columns=[*scores.KEYS, column.signature]), meta)])
    text = site.filled((DOCS / "files.md").read_text(encoding="utf-8"))
    explained = dict(re.findall(r"^\| `(\w+)` \| \w+ \| (.+) \|$", text, re.MULTILINE))
    for name in frame.columns:
        assert explained.get(name.rpartition(":")[2], "").strip(), f"leaderboard.json: column {name} is not explained"
    assert set(csv_columns({"": "METRIC"})) <= set(explained), "every column of leaderboard.csv is explained"
    assert {column.name for column in COLUMNS if column.in_file} <= set(explained)


def test_every_extra_is_explained():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (DOCS / "quickstart.md").read_text(encoding="utf-8")
    listed = "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    for extra in setup["options.extras_require"]:
        assert f"`{extra}`" in listed, f"docs/quickstart.md: extra {extra} is not explained"


def dotted_names() -> set[str]:
    """Modules, and what they and their classes define, behind every beginning: ``a.b.c``, ``b.c`` and ``c``."""
    names: set[str] = set()

    def define(body: list[ast.stmt], inside: str) -> None:
        names.add(inside)
        for node in body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names.update(f"{inside}.{target.id}" for target in targets if isinstance(target, ast.Name))
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                define(node.body if isinstance(node, ast.ClassDef) else [], f"{inside}.{node.name}")

    for path in (path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(("facedeblur", *parts)).removesuffix(".__init__")
        define(ast.parse(path.read_text(encoding="utf-8")).body, module)
    return {".".join(parts[at:]) for parts in (name.split(".") for name in names) for at in range(len(parts))}


def test_dotted_names_in_backticks_exist():
    known = dotted_names()
    assert "sets.set.Set.pairs" in known and "sets.Set" not in known
    libraries = {"msgspec", "numpy", "pandas", "scipy", "skimage", "torch"}
    for path in (path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")):
        for name in re.findall(r"(?<!`)`([A-Za-z_]\w*(?:\.\w+)+)`(?!`)", path.read_text(encoding="utf-8")):
            if name.partition(".")[0] not in libraries:
                assert name in known, f"{path.relative_to(ROOT)}: `{name}` does not exist"
    for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/**/weights/*.md")]:
        if path.name != "CHANGELOG.md":
            for name in re.findall(r"`(facedeblur\.\w+\.[\w.]+)`", path.read_text(encoding="utf-8")):
                assert name in known, f"{path.relative_to(ROOT)}: `{name}` does not exist"


def test_every_folder_is_in_the_tree_of_the_architecture():
    tree = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    for floor in FLOORS:
        for folder in {path.parent for path in (ROOT / floor).rglob("*.py") if path.name != "__init__.py"}:
            assert f"{folder.name}/" in tree, f"docs/architecture.md: {folder.relative_to(ROOT)} has no line"


def test_every_proof_of_reliability_is_a_test():
    named = re.findall(r"`(tests/\S+)::(\w+)`", (DOCS / "reliability.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {test}"


def test_one_version_is_stated_everywhere():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    version = setup["metadata"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    released = re.findall(
        r"^## (\d\S*) - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M
    )
    assert released[0] == version


def test_every_weight_file_is_listed(pages):
    from facedeblur.benchmark.weights import WEIGHTS

    for name in WEIGHTS:
        assert re.search(rf"^\| `{re.escape(name)}` \| \S.* \| \S.* \|", pages["weights.md"], re.MULTILINE)


def test_what_the_tests_ask_for_can_be_missing():
    """The rules above see what is not there."""
    assert "sha256" in columns_of("status.csv") and "colour" not in columns_of("status.csv")
    assert entries.Entry("methods", "bare", type("Bare", (), {})).summary == ""


def test_the_site_is_whole_and_fetches_nothing(built, pages):
    assert {path.replace(".md", ".html") for path in pages} <= set(built)
    fetched = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//")
    for path, text in built.items():
        assert not fetched.search(text), f"{path} fetches something from elsewhere"
