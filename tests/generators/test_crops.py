"""Where the faces of a set come from: photographs, finished crops, aligned folders, and several of these in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.images import pixel_hash, write_png
from facedeblur.benchmark.parallel import HERE
from facedeblur.generators.align.quality import Limits
from facedeblur.generators.align.run import align
from facedeblur.generators.build import build
from facedeblur.generators.crops import Crops, gather
from facedeblur.generators.photos.specs import Selection

RECIPE = (
    'name = "own"\ntitle = "Own"\nsource = "test"\n[image]\ntemplate = "mspl-center"\n'
    '[kernels]\nsizes = "9"\nper_size = 1\n'
)


def labelled(root: Path, side: int, *names: str, seed: int = 0) -> Path:
    """Photographs of noise with label images, laid out like CelebAMask-HQ: skin, and background in the upper half."""
    draw = np.random.default_rng(seed)
    for name in names:
        write_png(root / "images" / f"{name}.png", draw.integers(0, 256, (side, side, 3), np.uint8))
        mask = np.ones((side, side), np.uint8)
        mask[: side // 2] = 0
        write_png(root / "masks" / f"{name}.png", mask)
    return root


def crops_of(faces: object, tmp_path: Path, **how: object) -> Crops:
    how = {"template": "mspl-center", "margin": 0, "workspace": tmp_path / "work", "workers": HERE} | how
    return gather(faces, **how)  # type: ignore[arg-type]


def test_labels_of_finished_crops_survive(tmp_path):
    faces = labelled(tmp_path / "faces", 128, "a", "b")
    (tmp_path / "own.toml").write_text(RECIPE)
    made = build(tmp_path / "own.toml", f"celebamask:{faces}", tmp_path / "set", workers=1)
    assert [image.note for image in made.images.values()] == ["taken as aligned"] * 2
    for image in made.images.values():
        classes = made.label(image)
        assert classes.shape == (128, 128) and not classes[:64].any() and (classes[64:] == 1).all()
    bare = build(tmp_path / "own.toml", f"folder:{faces / 'images'}", tmp_path / "bare", workers=1)
    assert bare.content_hash != made.content_hash and not any(image.label for image in bare.images.values())


def test_a_file_of_the_users_own_is_no_record_of_labels(tmp_path):
    faces = labelled(tmp_path / "faces", 128, "a") / "images"
    (faces / "labels.json").write_text('[{"image": "a.png"}]')
    assert [source["folder"] for source in crops_of(faces, tmp_path).sources] == ["images"]


def test_labels_of_another_size_are_a_row(tmp_path):
    faces = labelled(tmp_path / "faces", 128, "a", "b")
    write_png(faces / "masks" / "b.png", np.zeros((100, 100), np.uint8))
    good, bad = crops_of(f"celebamask:{faces}", tmp_path).images
    assert (good.status, bad.status) == ("ok", "unusable label")
    assert bad.note.startswith("label masks/b.png: expected 128x128 pixels, like the photograph, found 100x100")


def test_collections_of_every_kind_in_one_set(tmp_path):
    """Photographs to align, finished crops, and an aligned folder; each face is the one it would be by itself."""
    photos = labelled(tmp_path / "photos", 512, "a", "b")
    finished = labelled(tmp_path / "finished", 128, "a", "c", seed=1)
    align(f"folder:{labelled(tmp_path / 'third', 512, 'd', seed=2) / 'images'}", tmp_path / "aligned",
          template="mspl-center", workers=1)  # fmt: skip
    specs = [f"celebamask:{photos}", f"celebamask:{finished}", str(tmp_path / "aligned")]
    (tmp_path / "own.toml").write_text(RECIPE)
    made = build(tmp_path / "own.toml", specs, tmp_path / "set", workers=1)
    assert [(one.image_id, one.source, bool(one.label)) for one in made.images.values()] == [
        ("d", "aligned/d.png", False),
        ("a", "celebamask/images/a.png", True),
        ("b", "celebamask/images/b.png", True),
        ("celebamask-2_images_a", "celebamask-2/images/a.png", True),
        ("c", "celebamask-2/images/c.png", True),
    ]
    alone = [build(tmp_path / "own.toml", spec, tmp_path / f"alone{n}", workers=1) for n, spec in enumerate(specs)]
    assert sorted(pixel_hash(made.sharp(one)) for one in made.images.values()) == sorted(
        one.sha256 for each in alone for one in each.images.values()
    )
    told = [source["collection"].partition(",")[0] for source in made.info["sources"]]
    assert told == ["celebamask: 2 photographs", "celebamask: 2 photographs", "aligned: 1 photograph"]
    turned = build(tmp_path / "own.toml", [specs[0], specs[2], specs[1]], tmp_path / "turned", workers=1)
    assert turned.content_hash == made.content_hash
    assert not (tmp_path / "set.faces").exists()


def test_some_of_each(tmp_path):
    first = labelled(tmp_path / "first", 128, *"abcdef")
    second = labelled(tmp_path / "second", 128, *"ghij", seed=1)
    found = crops_of([f"celebamask:{first},3", f"celebamask:{second},50%"], tmp_path, seed=5)
    assert [source["collection"].partition(",")[0] for source in found.sources] == [
        "celebamask: 3 photographs (drawn from 6 with seed 5)", "celebamask: 2 photographs (drawn from 4 with seed 5)"
    ]  # fmt: skip
    assert len(found.images) == len(found.label_files) == 5
    found = crops_of(f"celebamask:{first}", tmp_path, selection=Selection(people=2))
    assert len(found.images) == 2
    with pytest.raises(InputError, match="first: expected 7 photographs, found 6"):
        crops_of([f"celebamask:{first},7", f"celebamask:{second}"], tmp_path)
    (tmp_path / "frames.toml").write_text(RECIPE.replace("[kernels]", "[frames]\nlength = 3\nstride = 3\n#").replace(
        "[image]", 'kind = "frames"\n[image]').partition("#")[0])  # fmt: skip
    with pytest.raises(InputError, match="recipe 'own': takes one folder"):
        build(tmp_path / "frames.toml", [first, second], tmp_path / "set")


def test_a_smaller_share_of_the_photograph_may_be_enough(dlib_models, tmp_path, portrait):
    write_png(tmp_path / "photos" / "a.png", portrait[:, :270])
    with pytest.raises(InputError, match=r"1 cut .*or take a smaller share of each by min_coverage"):
        crops_of(tmp_path / "photos", tmp_path, template="shen128")
    (image,) = crops_of(tmp_path / "photos", tmp_path, template="shen128", limits=Limits(min_coverage=0.5)).images
    assert image.status == "ok" and 0.5 < image.coverage < 0.95
