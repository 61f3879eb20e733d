"""A local Python file that enters methods, metrics or face providers: ``--plugin file.py``."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from facedeblur.benchmark.errors import InputError


def load_plugin(path: str | Path) -> str:
    """Run the Python file `path` as a module, once for each content, and return the module's name.

    Its folder is put at the end of the import path, so that it may import files beside it.

    Raises
    ------
    InputError
        When it is not there, or raises while it is imported.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise InputError(f"plugin {path}", expected="a Python file", found="nothing there", do="check the spelling")
    code = hashlib.sha256(file.read_bytes()).hexdigest()
    name = f"facedeblur_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if getattr(sys.modules.get(name), "__facedeblur_code__", None) == code:
        return name
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path}", expected="a Python file (.py)", found=file.suffix or "no suffix")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise InputError(
            f"plugin {path}", expected="it to import", found=f"{type(error).__name__}: {error}", do="correct the file"
        ) from error
    module.__dict__["__facedeblur_code__"] = code
    return name


def optional_plugin(path: str | Path | None) -> Path | None:
    """Load a plugin where there is one, and return the absolute path by which workers find it."""
    if path is None:
        return None
    load_plugin(path)
    return Path(path).resolve()
