"""What the Hugging Face Hub reads: names of repositories, tasks of a benchmark, YAML at the top of a card."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.metrics.signature import Signature

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)

FRAMEWORK = "facedeblur"
"""What the Hub calls the program that evaluates, in ``eval.yaml`` and in results."""

TASK = {"type": "image-to-image", "name": "Face deblurring"}


def repository(name: str) -> str:
    """Return the name of a repository of the Hub, ``OWNER/NAME``.

    Raises
    ------
    InputError
        When it has another form.
    """
    if not _REPOSITORY.fullmatch(name) or ".." in name or "--" in name:
        raise InputError(
            f"'{name}'", expected="the name of a repository of the Hub, OWNER/NAME", found="another form",
            do="use letters, digits and single - _ . only",
        )  # fmt: skip
    return name


def data_set_url(name: str) -> str:
    """Return the address of a data set's page on the Hub."""
    return f"https://huggingface.co/datasets/{name}"


def task_id(signature: str) -> str:
    """Return the task of a benchmark that is one metric: its name and all its options, ``psnr-rgb-255``.

    The Hub stores one value per task and does not know metrics, so a task has to say which definition its values have.

    Examples
    --------
    >>> from facedeblur.reports.hub import task_id
    >>> task_id("ssim[matlab3d,s1.5,w11]")
    'ssim-matlab3d-s1.5-w11'
    """
    found = Signature.parse(signature)
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-") for part in (found.name, *found.options))


def safe_name(text: str, otherwise: str) -> str:
    """Return a name for files and identifiers: letters, digits and ``. _ = -``, or `otherwise` if none is left."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "-", text).strip("-.") or otherwise


def to_yaml(value: Any) -> str:
    """Return plain data as YAML that readers of YAML 1.1 and 1.2 understand alike; the order is kept.

    Raises
    ------
    InputError
        When PyYAML is not installed.
    """
    yaml = need("yaml", "report")

    class Dumper(yaml.SafeDumper):  # type: ignore[name-defined]
        """Quotes words that YAML 1.2, which the Hub reads, takes for numbers and YAML 1.1 does not: ``1e5``."""

    def quoted(dumper: Any, word: str) -> Any:
        style = '"' if re.match(r"[-+.]?[0-9]", word) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", word, style=style)

    Dumper.add_representer(str, quoted)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=math.inf))


def front_matter(card: Mapping[str, Any]) -> str:
    """A card's data as YAML between two lines ``---``, as at the top of a ``README.md``.

    Raises
    ------
    InputError
        When PyYAML is not installed.
    """
    return f"---\n{to_yaml(dict(card))}---\n"
