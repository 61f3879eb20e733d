"""The house itself: which floor may import which, what ships, what stays fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ["benchmark", "generators", "methods", "reports", "cli", "api"]
DOORS = {"cli", "api"}
SOURCES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_a_floor_imports_only_floors_below_it():
    for path in SOURCES:
        floor = path.relative_to(ROOT).parts[0]
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "facedeblur":
                assert len(parts) > 1 and parts[1] in FLOORS, f"{path} imports {name}: the front door is for users"
                assert FLOORS.index(parts[1]) <= FLOORS.index(floor), f"{path} imports {name}"
                assert parts[1] == floor or parts[1] not in DOORS, f"{path} imports {name}: two doors of one house"


def test_nothing_prints_outside_the_command_line():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno}"


def test_everything_public_has_a_docstring():
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.stat().st_size:
            assert ast.get_docstring(tree), f"{path}: no module docstring"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


def test_folders_and_modules_are_of_a_size_to_take_in():
    for path in SOURCES:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 600, f"{path} has {lines} lines: is there a second thought in it?"
    for folder in {path.parent for path in SOURCES}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        # Commands are a list of alike things.
        assert len(modules) <= 20 or folder == ROOT / "cli", (
            f"{folder} has {len(modules)} modules: which ideas are in it?"
        )


def test_tests_mirror_the_tree():
    """A folder of tests is a folder of the tree, but for what tests need; faults strike anywhere."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    for folder in folders - {Path("faults")}:
        assert (ROOT / folder).is_dir(), f"tests/{folder}: there is no {folder} that it could test"


def test_no_module_imports_itself_by_way_of_others():
    """No circle, imports inside functions and for type checkers counted."""
    names = {path: ".".join(["facedeblur", *path.relative_to(ROOT).with_suffix("").parts]) for path in SOURCES}
    modules = {name.removesuffix(".__init__"): path for path, name in names.items()}
    needs = {name: imported(path) for name, path in modules.items()}
    graph = {
        name: {module for each in found if (module := each if each in modules else each.rpartition(".")[0]) in modules}
        for name, found in needs.items()
    }
    left = dict(graph)
    while free := [name for name, needed in left.items() if not needed & left.keys() - {name}]:
        for name in free:
            del left[name]
    assert not left, f"these import each other: {', '.join(sorted(left))}"


@pytest.mark.parametrize("floor", FLOORS)
def test_every_source_file_is_installed(floor):
    installed = Path(str(files("facedeblur" if floor == "api" else f"facedeblur.{floor}")))
    wanted = [
        path.relative_to(ROOT / floor)
        for path in (ROOT / floor).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".nbi", ".nbc"}
    ]
    assert wanted
    for name in wanted:
        assert (installed / name).is_file(), f"{floor}/{name} is missing from the package: add it to setup.cfg"


def test_the_package_leaves_nothing_loose():
    import facedeblur

    assert not (ROOT / "facedeblur").exists(), "it would hide the installed package from whoever works in the checkout"
    assert Path(str(facedeblur.__file__)).read_bytes() == (ROOT / "api" / "__init__.py").read_bytes()
    for name in FLOORS:
        code = f"import {name}"
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False, cwd="/")
        assert done.returncode != 0, f"a package called {name} is loose in site-packages"


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from facedeblur.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'torch', 'pandas', 'numba', 'cv2', 'dlib', 'scipy', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_has_a_help_page():
    from click.testing import CliRunner

    from facedeblur.cli.main import COMMANDS, facedeblur

    for theme in COMMANDS.values():
        for name in theme:
            shown = CliRunner().invoke(facedeblur, [name, "--help"])
            assert shown.exit_code == 0, shown.output
            assert "Usage" in shown.output
