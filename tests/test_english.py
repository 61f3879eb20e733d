"""Phrases that are not plain English stay out of everything that somebody reads."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "examples", "api", "benchmark", "generators", "methods", "reports", "cli")
KINDS = (".py", ".pyi", ".md", ".toml", ".j2", ".js", ".css", ".json", ".ipynb")
FILES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-weights.md", "CITATION.cff")),
    *(ROOT / name for name in ("Makefile", "setup.cfg", "mkdocs.yml", "pyproject.toml")),
    *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS),
]

INSTEAD = {
    r"\bwho shows? no\b": "photographs without a detectable face",
    r"\b(go|goes|going|went) on\b": "resumes, continues",
    r"\b(stand|stands|stood) (in|there)\b": "is in, is shown, replaces",
    r"\b(is|are) told\b": "is reported, gets",
    r"\b(one|a) row an?\b(?! time)": "one row per",
    r"\b(frames|images|pairs|faces) an? second\b": "per second",
    r"\bbeside\b": "next to, besides",
    r"\bthere (is|are) none\b": "is missing, is absent",
    r"\b(is|are) not there\b": "is missing",
    r"\b(is|are) no (batch|installed|multiple|number|oracle|set of|terminal)\b": "is not a",
    r"\bone an? (axis|class|colour channel|group|image|method|pair|set)\b(?=[;,.:)])": "one per",
    r"\banew\b": "again",
    r"\bnot to be had\b": "not available",
    r"\bsteps? a turn\b": "per iteration",
    r"\bfor certain\b": "significantly",
    r"\bwould say so\b": "the difference is statistically significant",
    r"\bsame numbers again\b": "reproduce these numbers",
    r"\bfor other faces and\b": "unseen faces and kernels",
    r"\bwhat a batch may take\b": "time limit per batch, in seconds",
    r"\bit determines the item\b": "random seed",
    r"\bworkers here, or\b": "locally or on a cluster",
    r"\bof one board\b": "on one leaderboard",
    r"\bfiles are read of\b": "files can be loaded",
    r"\bexpected it (set|installed)\b": "is missing, is not installed",
    r"\bone that is taken\b": "is already registered",
    r"\b(thereof|thereby|whereof|wherein|therein|hereby|whence)\b": "the plain word",
    r"\binterval and p\b": "intervals and p-values generalise to",
    r"\bexpected (them given|such a device)\b": "is missing, is not available",
    r"\btook its process down\b": "crashed",
    r"\bno answer to load\b": "load did not return",
    r"\bleave --\w+ out\b": "leave out --option",
    r"\bnothing there\b": "not found",
    r"\bexpected it\b": "a plain sentence: is missing, is outside",
    r"\bis asked for\b": "is requested, is needed",
    r"\bfound none such\b": "a plain sentence",
    r"\bleave one line\b": "remove one of the lines",
    r"\bcame to hold\b": "was replaced by",
    r"\bonce a process\b": "once per process",
    r"\bpixels? a side\b": "per side",
    r"\blikest\b": "most similar, most likely",
    r"\ba whole (PNG|safetensors)\b": "truncated, damaged",
}
"""Phrase -> what says it plainly."""


def prose(path: Path) -> str:
    """What a reader reads of a file, in one line: of Python its strings and comments, of all else everything."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".py", ".pyi"):
        kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        text = "\n".join(token.string.lstrip("#") for token in tokens if token.type in kinds)
    elif path.suffix in (".toml", ".cfg", ""):
        text = re.sub(r"^ *#", "", text, flags=re.MULTILINE)
    return " ".join(text.split())


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {path.relative_to(ROOT): prose(path) for path in FILES}


@pytest.mark.parametrize("phrase", INSTEAD)
def test_plain_english(phrase, texts):
    found = [
        f"{path}: ...{text[max(hit.start() - 40, 0) : hit.end() + 40]}..."
        for path, text in texts.items()
        for hit in re.finditer(phrase, text, re.IGNORECASE)
    ]
    assert not found, "\n".join([f"write: {INSTEAD[phrase]}", *found])


def test_python_is_read_without_its_names(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""It\ngoes on."""\nfor goes in on:  # stands\n    # there\n    print(f"is {goes} told")\n')
    assert prose(path).startswith('"""It goes on.""" stands there')
    assert "goes in" not in prose(path)
