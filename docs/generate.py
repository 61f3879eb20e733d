"""Pages about what is registered, and the navigation; mkdocs calls this as a hook.

Docstrings are rendered by mkdocstrings and commands by mkdocs-click, in the pages made here as in ``python.md``. Only
what neither of them knows is made here, from our own registries and TOML files: which methods, metrics, networks,
losses and face providers there are and the facts about each (options with defaults, failure values, protocols, recipes
that train it); the methods that papers compare with; recipes, protocols and training recipes with every value; weight
files; the columns of a leaderboard.

``python docs/generate.py FOLDER`` writes the pages as Markdown, with the directives of the two plugins left in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "generator"))

import commands  # noqa: E402
import compared  # noqa: E402
import entries  # noqa: E402
import recipes  # noqa: E402
from markup import code, prose, table  # noqa: E402

from facedeblur.reports.leaderboard.columns import csv_columns, sections  # noqa: E402

sys.path.remove(str(HERE / "generator"))

FACES = ("detectors", "landmarkers", "embedders", "parsers")
TUTORIALS = ("method", "photographs", "video", "pairs", "outputs", "publish", "cluster", "paper", "processor", "blind")
EXTENSIONS = ("method", "network", "metric", "detector", "noise", "collection", "column")
TRAINING = ("discriminators", "losses", "adversaries")


def pages() -> dict[str, str]:
    """Path -> Markdown of every page that is made from the code."""
    return commands.pages() | recipes.pages() | entries.pages() | compared.pages()


def navigation(made: dict[str, str]) -> list[dict[str, Any]]:
    """The tree next to the pages; what is registered later appears by itself."""

    def folder(title: str, name: str) -> dict[str, Any]:
        listed = (path for path in made if path.startswith(f"{name}/") and path != f"{name}/index.md")
        return {title: [f"{name}/index.md", *sorted(listed, key=lambda path: path.removesuffix(".md"))]}

    def kind_page(kind: str) -> dict[str, Any]:
        return {entries.title(kind): f"{kind}.md"}

    single = [
        kind for kind in entries.PLACES if kind not in (*entries.OWN_PAGES, *FACES, *TRAINING, "collections", "layouts")
    ]
    return [
        {"Home": "index.md"},
        {"Start": ["quickstart.md", "concepts.md", *(f"tutorials/{name}.md" for name in TUTORIALS)]},
        {"Extend": ["extend/index.md", *(f"extend/{name}.md" for name in EXTENSIONS)]},
        {"Commands": ["commands/index.md", *commands.navigation()]},
        {
            "Reference": [
                *(folder(kind.title, kind.folder) for kind in recipes.KINDS if kind.folder != "training"),
                *(folder(entries.title(kind), kind) for kind in entries.OWN_PAGES if kind != "networks"),
                {"Compared methods": "compared.md"},
                {"Faces": [kind_page(kind) for kind in FACES]},
                kind_page("collections"),
                kind_page("layouts"),
                {
                    "Training": [
                        folder("Training recipes", "training"),
                        folder("Networks", "networks"),
                        *(kind_page(kind) for kind in TRAINING),
                    ]
                },
                *(kind_page(kind) for kind in single),
                {"Weight files": "weights.md"},
                {"Files and tables": "files.md"},
                {"Reliability": "reliability.md"},
                {"Use a GPU": "gpu.md"},
                {"Benchmarks": "benchmarks.md"},
                {"Scaling": "scaling.md"},
                {"From Python": "python.md"},
            ]
        },
        {"Architecture": "architecture.md"},
    ]


_made: dict[str, str] = {}


def on_config(config: Any) -> Any:
    """Make the pages, and put them into the navigation (a hook of mkdocs)."""
    _made.clear()
    _made.update(pages())
    config["nav"] = navigation(_made)
    return config


def on_files(files: Any, config: Any) -> Any:
    """Hand the pages over to mkdocs (a hook of mkdocs)."""
    from mkdocs.structure.files import File

    for path, text in _made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the tables of a page that has places for them (a hook of mkdocs)."""
    return filled(markdown)


def filled(markdown: str) -> str:
    """A page with ``<!-- leaderboard head -->`` and its like replaced by tables of columns."""
    for name, columns in zip(("head", "parts", "tail"), sections(), strict=True):
        rows = [(code(column.name), column.kind, prose(column.meaning)) for column in columns]
        markdown = markdown.replace(f"<!-- leaderboard {name} -->", table(("column", "kind", "meaning"), rows))
    known = {of: column for columns in sections() for column in columns for of in (column.name, f":{column.name}")}
    shown = {name: known[of] for name, of in csv_columns({"": ""}).items()}
    rows = [
        (code("METRIC" * column.per_metric + name), column.kind, prose(column.meaning))
        for name, column in shown.items()
    ]
    return markdown.replace("<!-- leaderboard csv -->", table(("column", "kind", "meaning"), rows))


if __name__ == "__main__":
    for path, text in pages().items():
        target = Path(sys.argv[1]) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
