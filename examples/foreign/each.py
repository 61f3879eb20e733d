"""Call a program once for every PNG of a folder, for programs that take one image: what TOML files here use.

    python each.py INPUT OUTPUT PROGRAM [ARGUMENT]...

In the arguments, IN is replaced by the path of a blurred image, OUT by where its restored image must be written, and
SIZE by the size of its kernel, which is part of the names of a set's images (``face_ker01_k13.png``).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def filled(arguments: list[str], source: Path, target: Path) -> list[str]:
    """Return the arguments for one image, or end with what is wrong with its name."""
    size = re.search(r"_k(\d+)$", source.stem)
    if size is None and any("SIZE" in one for one in arguments):
        sys.exit(f"{source.name}: its name does not end in the size of its kernel, as in face_ker01_k13.png")
    told = {"IN": str(source), "OUT": str(target), "SIZE": size.group(1) if size else ""}
    return [re.sub(r"\b(IN|OUT|SIZE)\b", lambda found: told[found.group()], one) for one in arguments]


def main(source: Path, target: Path, program: list[str]) -> None:
    """Restore what can be restored; end with an error if nothing was."""
    images = sorted(source.glob("*.png"))
    restored = 0
    for image in images:
        done = subprocess.run(filled(program, image, target / image.name), stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"{image.name}: exit code {done.returncode}", file=sys.stderr)
        restored += (target / image.name).is_file()
    if images and not restored:
        sys.exit(f"{program[0]} restored none of {len(images)} images")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: python each.py INPUT OUTPUT PROGRAM [ARGUMENT]...")
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
