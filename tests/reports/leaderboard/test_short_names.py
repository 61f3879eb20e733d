"""Short names of metrics: readable, unique, the same as their families where that is enough."""

from __future__ import annotations

import pytest

from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.leaderboard.short_names import short_names


def names(*metrics: str) -> list[str]:
    """Short names of metrics given as ``SIGNATURE LABEL``; without a label it is ``?``."""
    columns = [Column(one.partition(" ")[0], one.partition(" ")[2] or "?", "", True, 0.0) for one in metrics]
    found = short_names(columns)
    assert list(found) == [column.signature for column in columns]
    return list(found.values())


@pytest.mark.parametrize(
    ("metrics", "wanted"),
    [
        (
            ["psnr[rgb,255] PSNR", "ssim[matlab3d,s1.5,w11] SSIM", "ssim[perchannel,s1.5,w11] SSIM RGB",
             "ssim[skimage,uniform,w7] SSIM 7x7", "detection[dlib-hog,up1] Face found (dlib-hog)",
             "identity[dlib-resnet@55533b28,l2] Identity L2", "identity[dlib-resnet@55533b28,cosine] Identity cosine"],
            ["psnr", "ssim", "ssim_perchannel", "ssim_skimage", "detection", "identity_l2", "identity_cosine"],
        ),
        (
            ["identity[dlib-resnet@1,l2]", "identity[dlib-resnet@1,cosine]", "identity[facenet-vggface2@2,l2]"],
            ["identity_dlib_resnet_l2", "identity_cosine", "identity_facenet_vggface2"],
        ),
        (
            ["psnr[rgb,255] PSNR", "psnr-class[rgb,255,masked,umsn4,skin] PSNR skin",
             "psnr-class[rgb,255,masked,umsn4,hair] PSNR hair"],
            ["psnr", "psnr_class_skin", "psnr_class_hair"],
        ),
        (["ssim[perchannel] SSIM RGB", "ssim[matlab3d] SSIM"], ["ssim_perchannel", "ssim"]),
        (["niqe[model@1,p96]", "niqe[model@2,p96]"], ["niqe_model_p96", "niqe_model_p96_2"]),
        (["a-b[c] A", "a[b,d] A", "a[e] A", "a_b A_B"], ["a_b_c", "a", "a_e", "a_b"]),
        (["m[x] M", "m M"], ["m", "m_2"]),
        ([], []),
    ],
)  # fmt: skip
def test_names_are_short_and_unique(metrics: list[str], wanted: list[str]) -> None:
    assert names(*metrics) == wanted and len(set(wanted)) == len(wanted)


def test_names_are_words_for_every_program() -> None:
    assert names("x[a:b/c=d+e]", "x[S0.25]", "y[S0.25]") == ["x_a_b_c_d_e", "x_s0_25", "y"]
