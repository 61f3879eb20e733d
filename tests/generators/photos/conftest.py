"""CelebA in miniature."""

from __future__ import annotations

import pytest
from photo_trees import tree


@pytest.fixture
def celeba(tmp_path):
    root = tree(
        tmp_path / "CelebA", *(f"Img/img_align_celeba/00000{n}.jpg" for n in range(1, 6)), "Img/img_celeba/x.jpg"
    )
    (root / "Anno").mkdir()
    (root / "Eval").mkdir()
    (root / "Anno" / "identity_CelebA.txt").write_text("".join(f"00000{n}.jpg {n // 2}\n" for n in range(1, 5)))
    (root / "Eval" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n000004.jpg 2\n")
    heading = (
        "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    )
    points = "000001.jpg 69  109  106  113   77  142   73  152  108  154"
    (root / "Anno" / "list_landmarks_align_celeba.txt").write_text(f"1\n{heading}\n{points}\n")
    return root
