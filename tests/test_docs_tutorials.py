"""Every page with commands is carried out in an empty folder: its files are written, a shell runs its commands."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

import facedeblur as fd
from facedeblur.cli.main import facedeblur
from facedeblur.methods.find import find_method

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)
NEEDS = {
    "tutorials/cluster.md": ["distributed"],
    "tutorials/paper.md": ["onnx", "onnxruntime", "lightning_fabric"],
    "tutorials/video.md": ["av"],
}
SLOW = ("quickstart.md", "tutorials/")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: a file where it has a title, commands where it is in the shell's language."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, with the files that they take in."""

    def taken_in(found: re.Match[str]) -> str:
        return (ROOT / found[1]).read_text(encoding="utf-8").rstrip("\n")

    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, title, SNIPPET.sub(taken_in, text)) for language, title, text in found]


def script(page: Path) -> str:
    """What a reader would do who follows the page, as a shell script."""
    lines = ["set -euo pipefail"]
    for block in blocks(page):
        if block.title:
            assert "HERE_ENDS" not in block.text
            lines += [
                f"mkdir -p {Path(block.title).parent}",
                f"cat > {block.title} <<'HERE_ENDS'\n{block.text}HERE_ENDS",
            ]
        elif block.language == "bash":
            lines.append(block.text)
    return "\n".join(lines)


PAGES = sorted(
    path.relative_to(DOCS).as_posix()
    for path in DOCS.rglob("*.md")
    if any(block.language == "bash" for block in blocks(path))
)


def test_all_tutorials_and_extensions_are_carried_out():
    wanted = {
        f"tutorials/{role}.md" for role in ("method", "photographs", "video", "pairs", "outputs", "cluster", "paper")
    }
    wanted |= {"quickstart.md"}
    wanted |= {
        f"extend/{name}.md" for name in ("method", "network", "metric", "detector", "noise", "collection", "column")
    }
    assert wanted <= set(PAGES)
    index = (DOCS / "extend" / "index.md").read_text(encoding="utf-8")
    for page in (DOCS / "extend").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index


@pytest.fixture(scope="module")
def small_set(tmp_path_factory, dlib_models) -> Path:
    """The set of the tutorial about methods, which the pages of extend/ go on from."""
    from facedeblur.generators.build import build
    from facedeblur.generators.portraits import write_portraits

    root = tmp_path_factory.mktemp("tutorial")
    return build(ROOT / "examples" / "small.toml", write_portraits(root / "photos"), root / "set", workers=1).root


def on_one_processor() -> None:
    """Keep this process on one processor, another for each test worker: then no command starts workers of its own."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.sched_setaffinity(0, {usable[worker % len(usable)]})


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] * page.startswith(SLOW)) for page in PAGES]
)
def test_the_commands_of_a_page_work(page, tmp_path, small_set, warm_commands, request):
    for package in ("jinja2", "matplotlib", *NEEDS.get(page, [])):
        if find_spec(package) is None:
            pytest.skip(f"package {package} is not installed")
    if page.startswith("extend/") and "facedeblur build" not in script(DOCS / page):
        shutil.copytree(small_set, tmp_path / "set")
    if page == "quickstart.md":
        # A test of its own begins the demo from nothing; here it finds all but its table and report done.
        shutil.copytree(request.getfixturevalue("demo").folder, tmp_path / "demo")
    # Commands start warm, but not where a page has installed a package.
    folders = [warm_commands, Path(sys.executable).parent, os.environ["PATH"]]
    environment = os.environ | {
        "PATH": os.pathsep.join(map(str, folders)),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        ["bash", "-c", script(DOCS / page)],
        preexec_fn=on_one_processor, cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def indented(page: Path) -> list[str]:
    """The blocks of a page that are code because they are indented."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def shown(page: Path) -> list[list[str]]:
    """The words of every facedeblur command in the code of a page; a remark follows three blanks."""
    code = [block.text for block in blocks(page) if block.language in ("bash", "text") and not block.title]
    lines = re.sub(r"\\\n\s*", "", "\n".join(code + indented(page))).splitlines()
    in_tables = re.findall(r"`(facedeblur \w[^`]*)`", page.read_text(encoding="utf-8"))
    commands = [line.strip() for line in lines if line.strip().startswith("facedeblur ")] + in_tables
    return [shlex.split(re.split(r"\s{3,}", line)[0])[1:] for line in commands]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_command_shown_exists_with_its_options(page):
    root = click.Context(facedeblur, info_name="facedeblur")
    for name, *words in shown(page):
        if name == "COMMAND":
            continue
        command = facedeblur.get_command(root, name)
        assert command is not None, f"no command {name}"
        command.make_parser(click.Context(command, info_name=name, parent=root)).parse_args(words)


def test_a_command_that_does_not_exist_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Do\n\n    facedeblur score A B --metrik x   a remark\n\nor `facedeblur scores`.\n", encoding="utf-8"
    )
    assert shown(page) == [["score", "A", "B", "--metrik", "x"], ["scores"]]
    with pytest.raises(click.NoSuchOption):
        test_every_command_shown_exists_with_its_options(page)


def test_the_readme_is_short_and_true(tmp_path, monkeypatch):
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    code = indented(page)
    (described,) = (block for block in code if block.startswith("name = "))
    monkeypatch.chdir(tmp_path)
    Path("my_net.toml").write_text(described, encoding="utf-8")
    Path("deblur").touch(mode=0o755)
    assert find_method("my_net.toml").spec.name == "my-net"
    scripts = [ast.parse(block) for block in code if block.startswith("import ")]
    assert len(scripts) == 2
    for node in (node for script in scripts for node in ast.walk(script)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fd":
            assert node.attr in fd.__all__


@pytest.mark.slow
def test_the_python_of_the_page_about_python_works(tmp_path, dlib_models):
    """All its blocks that are no file, one after the other as one script."""
    pytest.importorskip("jinja2")
    code = [block.text for block in blocks(DOCS / "python.md") if block.language == "python" and not block.title]
    assert len(code) > 4
    (tmp_path / "page.py").write_text("\n".join(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "page.py"],
        preexec_fn=on_one_processor, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "did you mean 'wiener'?" in done.stdout
