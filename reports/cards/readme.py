"""``README.md`` of a card: fields for the Hugging Face Hub, then what people want to know of the set.

References
----------
Hugging Face, *Dataset Cards*, huggingface/hub-docs, ``datasetcard.md`` and ``docs/hub/datasets-image.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from facedeblur.reports.cards import facts as told
from facedeblur.reports.cards.croissant import KEYWORDS
from facedeblur.reports.cards.facts import Facts, size_category
from facedeblur.reports.cards.metadata import FILE as METADATA
from facedeblur.reports.cards.metadata import MetadataColumn
from facedeblur.reports.hub import data_set_url, front_matter, safe_name, task_id
from facedeblur.reports.markdown import code, fenced, plain, table

FILE = "README.md"
_TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def fields(facts: Facts, blurred: str) -> dict[str, Any]:
    """Return the fields that the Hub reads, as plain data.

    Parameters
    ----------
    facts : Facts
    blurred : str
        Pattern of the blurred images.
    """
    images = [blurred, *(["sharp/*.png"] if facts.of.has_sharp else []), *(["labels/*.png"] if facts.labelled else [])]
    return {
        "pretty_name": facts.title,
        **facts.licence.front_matter(),
        "task_categories": ["image-to-image"],
        "size_categories": [size_category(facts.of.n_pairs)],
        "tags": [word.replace(" ", "-") for word in KEYWORDS] + ["croissant", "facedeblur"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": facts.split, "path": [METADATA, *(images if facts.images else [])]},
                ],
            }
        ],
    }


def bibtex(facts: Facts) -> str:
    """Return the citation of the set."""
    publisher = facts.publisher
    entry = {
        "title": _tex(facts.title),
        "author": " and ".join(f"{{{_tex(name)}}}" for name in publisher.creators),
        "year": publisher.date[:4],
        "version": _tex(publisher.release),
        "url": data_set_url(publisher.repository) if publisher.repository else "",
        "note": _tex(f"Face-deblurring set made with {facts.made_by}, content hash {facts.of.content_hash}"),
    }
    key = safe_name(f"{facts.of.name}-{facts.of.content_hash[:10]}", "set").replace("=", "-")
    lines = [f"  {name} = {{{value}}}," for name, value in entry.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _tex(text: str) -> str:
    escaped = re.sub(r"[\\~^{}&%$#_]", lambda one: _TEX.get(one[0], f"\\{one[0]}"), text)
    return " ".join(escaped.split())


def readme(
    facts: Facts,
    columns: Sequence[MetadataColumn],
    files: Mapping[str, str],
    tasks: Sequence[tuple[str, str]],
    citation: str,
    blurred: str,
) -> str:
    """Return the whole ``README.md``.

    Parameters
    ----------
    facts : Facts
    columns : sequence of MetadataColumn
        Those of ``metadata.csv``.
    files : mapping
        File or folder next to it -> what it is.
    tasks : sequence of (str, str)
        Signatures of the metrics that are tasks of a benchmark, with their definitions.
    citation : str
        BibTeX.
    blurred : str
        Pattern of the blurred images.
    """
    parts = [
        f"# {plain(facts.title)}",
        plain(facts.summary) + f" Made by {plain(facts.made_by)}.",
        *_warning(facts),
        "## Contents",
        table(["file", "what it is"], [[code(name), plain(what)] for name, what in files.items()]),
        f"{code(METADATA)} has one row per pair:",
        table(["column", "meaning"], [[code(one.name), plain(one.meaning)] for one in columns]),
        "## Load it",
        *_loading(facts),
        "## How it was made",
        _list(told.collection(facts) + told.preparation(facts)),
        *_assumptions(facts),
        *_rebuilding(facts),
        *_benchmark(tasks),
        "## Licence",
        *_licence(facts),
        "## Uses, limits and people",
        "What it is for:",
        _list(told.uses(facts)),
        "What it cannot show:",
        _list(told.limits(facts)),
        "Who is in it:",
        _list(told.biases(facts) + told.personal(facts)),
        "## Check it",
        *_checking(facts),
        "## Cite it",
        fenced(citation, "bibtex"),
    ]
    return front_matter(fields(facts, blurred)) + "\n" + "\n\n".join(parts) + "\n"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _warning(facts: Facts) -> list[str]:
    """What has to be said before everything else."""
    if facts.shareable:
        return [] if facts.images else ["This repository describes the set; the images are not in it."]
    told_by = "; ".join(f"{source.collection}: {source.stated}" for source in facts.sources if not source.shareable)
    return [
        f"> [!WARNING]\n> **The photographs may not be passed on** ({plain(told_by)}). The images are not in this "
        "repository. Whoever has the photographs can build the set from them."
    ]


def _loading(facts: Facts) -> list[str]:
    repo = facts.publisher.repository
    place = repo or "path/to/this/folder"
    split = facts.split
    if not facts.images:
        return [
            "The table of the pairs, without images:",
            fenced(f'from datasets import load_dataset\n\npairs = load_dataset("{place}", split="{split}")', "python"),
        ]
    sharp = ', pairs[0]["sharp"]' if facts.of.has_sharp else ""
    return [
        "With [datasets](https://huggingface.co/docs/datasets):",
        fenced(
            f'from datasets import load_dataset\n\npairs = load_dataset("{place}", split="{split}")\n'
            f'pairs[0]["blur"]{sharp}, pairs[0]["kernel_size"]',
            "python",
        ),
        "With facedeblur, which reads the folder itself as a set:",
        fenced(
            (f"hf download {repo} --repo-type dataset --local-dir set\n" if repo else "")
            + f"facedeblur run facedeblur-base {'set' if repo else place} -o outputs/base\n"
            f"facedeblur score {'set' if repo else place} outputs/base",
            "bash",
        ),
    ]


def _assumptions(facts: Facts) -> list[str]:
    found = [
        f"- {code(str(one.get('key', '')) or 'recipe')}: {plain(str(one['text']))}"
        for one in facts.of.info.get("assumptions", [])
        if isinstance(one, Mapping) and one.get("text")
    ]
    return ["Assumptions of the recipe, where its source leaves something open:", "\n".join(found)] if found else []


def _rebuilding(facts: Facts) -> list[str]:
    text, seed = str(facts.of.info.get("recipe", "")), facts.of.info["seed"]
    if not text:
        return []
    if "frames" in facts.kinds:
        return ["The recipe:", fenced(text, "toml")]
    packaged = bool(facts.of.recipe.get("faces", {}).get("package"))
    faces, same = ("", "") if packaged else (" --faces PHOTOGRAPHS", "from the same photographs ")
    command = f"facedeblur build recipe.toml{faces}{f' --seed {seed}' if seed else ''} -o set"
    return [
        f"{code(command)} makes the set {same}again, with this file as {code('recipe.toml')}:",
        fenced(text, "toml"),
    ]


def _benchmark(tasks: Sequence[tuple[str, str]]) -> list[str]:
    rows = [[code(task_id(signature)), code(signature), plain(meaning)] for signature, meaning in tasks]
    return [
        "## Benchmark",
        f"{code('eval.yaml')} has one task per metric. A value is the mean over all pairs; a pair without an output "
        "counts as the failure value of the protocol. `facedeblur leaderboard outputs/* --format eval-results` writes "
        "results.",
        table(["task", "metric", "definition"], rows),
    ] if tasks else []  # fmt: skip


def _licence(facts: Facts) -> list[str]:
    licence = facts.licence
    link = f"[{plain(licence.name)}]({licence.url})" if licence.url else plain(licence.name)
    identifier = f" ({code(licence.identifier)})" if licence.url else ""
    rows = [[plain(source.collection), plain(source.stated)] for source in facts.sources]
    return [
        f"The set: {link}{identifier}.",
        *(["The photographs, as the set records it:", table(["photographs", "licence"], rows)] if rows else []),
    ]


def _checking(facts: Facts) -> list[str]:
    lines = [f"Content hash: `{facts.of.content_hash}`. It covers decoded pixels, parameters and kernels."]
    command = "sha256sum -c SHA256SUMS" + ("\nfacedeblur check ." if facts.images else "")
    return [*lines, fenced(command, "bash")]
