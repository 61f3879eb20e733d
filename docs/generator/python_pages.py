"""The functions that the command line calls, for use from Python."""

from __future__ import annotations

from docstrings import at, fenced, rendered, signature, text_of

FUNCTIONS = {
    "Sets": (
        "facedeblur.generators.build:build",
        "facedeblur.generators.photos.opening:open_collection",
        "facedeblur.generators.video.frames:frames",
        "facedeblur.generators.kernels.boracchi_foi:kernels",
        "facedeblur.benchmark.sets.set:Set",
        "facedeblur.benchmark.sets.set:Image",
        "facedeblur.benchmark.sets.set:Pair",
    ),
    "Methods": (
        "facedeblur.methods.base:method",
        "facedeblur.methods.running.runner:run",
        "facedeblur.benchmark.outputs:Outputs",
    ),
    "Scores": (
        "facedeblur.benchmark.metrics.base:metric",
        "facedeblur.benchmark.scoring.score:score",
        "facedeblur.benchmark.scoring.table:Scores",
        "facedeblur.benchmark.statistics.comparison:compare",
        "facedeblur.benchmark.whole_set.recognition:recognise",
        "facedeblur.benchmark.whole_set.parsing:parse",
    ),
    "Training": (
        "facedeblur.generators.pairs.write:open_pairs",
        "facedeblur.methods.nets.base:network",
        "facedeblur.methods.training.trainer:train",
    ),
    "Reports": (
        "facedeblur.reports.leaderboard.table:leaderboard",
        "facedeblur.reports.page.report:report",
    ),
    "Errors": ("facedeblur.benchmark.errors:InputError",),
}


def pages() -> dict[str, str]:
    """Path -> Markdown of the reference for Python."""
    parts = [
        "# From Python",
        "Every command is a thin layer over one function, and these take the same words. A whole chain:",
        '```python title="notebook.py"\n--8<-- "examples/notebook.py"\n```',
        "Images in memory are RGB: `uint8` in files and metrics, `float32` in [0, 1] in methods. All other public "
        "functions have docstrings too: `help(facedeblur.benchmark.statistics.summary)`.",
    ]
    for heading, places in FUNCTIONS.items():
        parts.append(f"## {heading}")
        for place in places:
            module, _, name = place.partition(":")
            thing = at(place)
            line = f"from {module} import {name}"
            parts += [f"### {name}", fenced(f"{line}\n\n{signature(thing, name)}", "python"), rendered(text_of(thing))]
    return {"python.md": "\n\n".join(parts) + "\n"}
