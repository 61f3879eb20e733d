"""Two portraits that come with every installation: public-domain photographs by NASA and the US Navy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facedeblur.benchmark.errors import need
from facedeblur.benchmark.files.images import write_png


def portraits() -> dict[str, np.ndarray]:
    """Photographs of Eileen Collins (part of scikit-image) and Grace Hopper (part of matplotlib).

    Returns
    -------
    dict of str to np.ndarray, shape (H, W, 3), uint8 RGB

    Raises
    ------
    InputError
        When matplotlib is not installed.
    """
    from PIL import Image
    from skimage import data

    cbook = need("matplotlib.cbook", "report")
    with cbook.get_sample_data("grace_hopper.jpg") as stream, Image.open(stream) as opened:
        hopper = np.asarray(opened.convert("RGB"))
    return {"eileen_collins": np.asarray(data.astronaut()), "grace_hopper": hopper}


def write_portraits(folder: str | Path) -> Path:
    """Write the portraits as PNG files into `folder`, unless they exist; return the folder."""
    folder = Path(folder)
    for name, pixels in portraits().items():
        if not (folder / f"{name}.png").is_file():
            write_png(folder / f"{name}.png", pixels)
    return folder
