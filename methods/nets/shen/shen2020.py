"""Semantic face deblurring of Shen et al., IJCV 2020: coarse deblurring, parsing, fine deblurring."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.classes import HELEN
from facedeblur.methods.nets.blocks import Halve, check_images, check_until
from facedeblur.methods.nets.shen.parser import SemanticMaps, ShenParser
from facedeblur.methods.nets.shen.shen2018 import TwoScale


class Shen2020(nn.Module):
    """Exploiting semantics for face image deblurring (Shen, Lai, Xu, Kautz, Yang, IJCV 2020, section 3.2).

    G_c makes a coarse image of the blurred one (eq. 1), P parses it (eq. 2), G_f makes the fine image
    of blurred image, coarse image and class probabilities (eq. 3). G_c and G_f have two scales each,
    of 3 / 6 and 17 / 20 input channels; P is that of Shen et al. 2018 with ordinary batch normalisation.

    Parameters published: 26.6 M (Table 12), 14.8 M for one fine stage (Table 8). Ours: 7,706,045 with the 6 residual
    blocks per scale of the text (P 772,363, G_c 3,358,425, G_f 3,575,257), 29.4 MiB; 6,886,333 with the 5
    of the code of 2018 (G_c 2,948,569, G_f 3,165,401), which are 26.27 MiB of 32-bit numbers: the printed column
    is most likely of sizes. The tables disagree with each other (14.80 and 26.6 for the same model).

    Where the text contradicts itself: 11 classes, not 14 (17 = 3 + 3 + 11); full-size probabilities at the
    second scale; a transposed convolution, not bicubic interpolation, between the scales. Probabilities are
    max-pooled to half size, as in the code of 2018; the images are halved by the bicubic filter.

    Parameters
    ----------
    classes : int
        Semantic classes.
    width, parser_width : int
        Channels of the hidden layers of G_c and G_f, and of P.
    resblocks : int
        Residual blocks per scale.
    stages : int
        Fine networks in a row (Table 8); each reads the blurred image, the result before it and the
        probabilities, which stay those of the coarse image.
    shared : bool
        All fine stages have the same weights.
    first_kernel : int
        Side of the first convolution of each scale of G_c and G_f (Table 7).
    semantics : {'predicted', 'true', 'none'}
        Where G_f's class maps come from: P, labels that are given with the image, or nowhere. There is no P but for
        the first.
    compat : bool
        P normalises each image by its own moments in evaluation (see `blocks.PictureNorm`).

    Notes
    -----
    Parameters next to those of Table 7, by first kernel (5, 9, 11, 13): one G_f has 3,347,929, 3,480,537, 3,575,257 and
    3,688,921, printed are 14.56, 14.70, 14.80 and 14.92 M for a model. The steps of the printed column, 0.14, 0.10
    and 0.12, are those of one G_f in millions of parameters: 0.13, 0.09 and 0.11; its level is not.

    Table 8: one to three fine networks make 7,706,045, 11,281,302 and 14,856,559 parameters (29.40, 43.03 and 56.67
    MiB), shared ones 7,706,045; printed are 14.80, 26.66 and 38.52 M. A printed fine network is 11.86 M; ours is
    13.64 MiB, and 12.08 MiB with 5 blocks. The rest of the printed first row, 2.94, is P, of 2.95 MiB: G_c was not
    counted.
    """

    name = "shen2020"
    multiple = 32
    restores: ClassVar[dict[str, tuple[str, ...]]] = {"coarse": ("coarse",), "parsing": ("coarse",)}

    def __init__(
        self,
        *,
        classes: int = len(HELEN),
        width: int = 64,
        parser_width: int = 64,
        resblocks: int = 6,
        stages: int = 1,
        shared: bool = False,
        first_kernel: int = 11,
        semantics: str = "predicted",
        compat: bool = False,
    ):
        super().__init__()
        if stages < 1:
            raise InputError("network 'shen2020', option 'stages'", expected="1 or more", found=f"{stages}")
        self.stages = stages
        self.maps = SemanticMaps(semantics, classes)
        predicted = self.maps.kind == "predicted"
        self.parts = ("coarse", "parser", "fine") if predicted else ("coarse", "fine")
        self.takes_labels = self.maps.kind == "true"
        self.smallest = 2 * self.multiple if compat and predicted else self.multiple
        layout: Any = {"width": width, "resblocks": resblocks, "first_kernel": first_kernel}
        self.coarse = TwoScale(3, **layout)
        if predicted:
            self.parser = ShenParser(classes=classes, width=parser_width, own_moments=compat)
        inputs = 6 + self.maps.channels
        self.fine = nn.ModuleList([TwoScale(inputs, **layout) for _ in range(1 if shared else stages)])
        self.halve = Halve()

    def forward(self, blurred: Tensor, labels: Tensor | None = None) -> Tensor:
        """Restore (N, 3, H, W) RGB in [0, 1]; same shape and range, not clipped. For `labels` see `outputs`."""
        return self.outputs(blurred, labels=labels)["restored"]

    def outputs(
        self,
        blurred: Tensor,
        *,
        labels: Tensor | None = None,
        kernels: Tensor | None = None,
        until: str | None = None,
    ) -> dict[str, Tensor]:
        """Restore, with what the losses read.

        Parameters
        ----------
        blurred : (N, 3, H, W) float
            RGB in [0, 1], H and W multiples of 32.
        labels : (N, H, W) int, optional
            Helen's classes of the sharp image, which ``semantics = "true"`` needs; read by that only.
        kernels : Tensor, optional
            Not read by this network.
        until : str, optional
            For the training of a part: ``"coarse"`` or ``"parsing"`` stops there, and the coarse image is then
            returned as the restored one; ``"parser"`` gives the given images to P alone, and returns them.

        Returns
        -------
        dict
            ``coarse`` (N, 3, H, W), ``coarse_half`` (N, 3, H / 2, W / 2), where predicted ``parsing`` logits
            (N, classes, H, W), ``restored``, ``restored_half`` and, of the fine stages before the last, ``fine1``,
            ``fine1_half``, ...
        """
        check_images(blurred, net=self.name, multiple=self.multiple)
        predicted = "parser" in self.parts
        check_until(until, net=self.name, parts=("coarse", "parsing", "parser") if predicted else ("coarse",))
        if until == "parser":
            return {"parsing": self.parser(blurred), "restored": blurred}
        small = self.halve(blurred)
        coarse, coarse_half = self.coarse(blurred, small)
        found = {"coarse": coarse, "coarse_half": coarse_half, "restored": coarse}
        if until == "coarse":
            return found
        if predicted:
            found["parsing"] = self.parser(coarse)
        if until == "parsing":
            return found
        maps, small_maps = self.maps(blurred, found.get("parsing"), labels)
        last = coarse
        for at in range(self.stages):
            net = self.fine[min(at, len(self.fine) - 1)]
            last, half = net(torch.cat([blurred, last, *maps], 1), torch.cat([small, self.halve(last), *small_maps], 1))
            name = "restored" if at == self.stages - 1 else f"fine{at + 1}"
            found |= {name: last, f"{name}_half": half}
        return found
