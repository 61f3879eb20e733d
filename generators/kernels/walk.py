"""Random-walk camera trajectories: Boracchi and Foi, *Modeling the performance of image restoration from motion blur*,
IEEE TIP 21(8), 2012.

A point moves at constant speed in the image plane. At every step its velocity gets a Gaussian push, a pull back to
where it started and, rarely, a shake that nearly turns it round; then it is brought back to the constant speed, so
that a trajectory of `samples` points always has the same length:

    c = 0.7 U,  g = 10 U,  f = 0.2 U,  phi = 2 pi U           once per trajectory, each U uniform in (0, 1)
    s = length / (samples - 1),  v = s A e^{i phi}  (s e^{i phi} where A = 0),  x_1 = 0
    n = 2 v e^{i (pi + U - 1/2)} with probability f A, else 0
    v <- v + n + A s (g (N(0, 1) + i N(0, 1)) - c x_t),   v <- s v / |v|,   x_{t+1} = x_t + v

with A the anxiety. The code of the authors begins with v = A e^{i phi}; only the direction of the first step depends on
that, and it is uniform either way. The waiting times between shakes are drawn directly, as geometric variables, which
is the same law. ``LANES`` trajectories advance side by side, because one alone waits for its own square roots and
divisions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.generators.random.philox import cosine_sine, log_unit, normal_pair, philox, uniform

DEBLURGAN_ANXIETY = (0.01, 0.009, 0.008, 0.007, 0.005, 0.003)
"""The anxieties that DeblurGAN's code picks from."""

LANES = 32
"""Trajectories advanced side by side."""

_SHAKES = np.uint32(1 << 31)  # first block of the words for shakes; the normals count up from block 2
_TWO_PI = 6.283185307179586


@njit(cache=True, error_model="numpy")
def draw(k0: Any, k1: Any, lo: Any, hi: Any, stream: Any, anxieties: Any) -> Any:
    """Draw the constants of a trajectory: pull c, push g, shakes f, angle phi, anxiety A (one of `anxieties`)."""
    a, b, c, d = philox(np.uint32(0), lo, hi, stream, k0, k1)
    which, _, _, _ = philox(np.uint32(1), lo, hi, stream, k0, k1)
    anxiety = anxieties[int(uniform(which) * len(anxieties))]
    return 0.7 * uniform(a), 10.0 * uniform(b), 0.2 * uniform(c), _TWO_PI * (uniform(d) - 0.5), anxiety


@njit(cache=True, error_model="numpy")
def next_shake(k0: Any, k1: Any, lo: Any, hi: Any, stream: Any, count: Any, chance: Any, samples: Any) -> Any:
    """Steps to wait for shake number `count` (geometric with `chance`, at most `samples`), and its angle U - 1/2."""
    a, b, _, _ = philox(np.uint32(_SHAKES + np.uint32(count)), lo, hi, stream, k0, k1)
    wait = float(samples)
    if 1.0 - chance < 1.0:  # else too rare for the logarithm, and for any trajectory
        wait = min(wait, 1.0 + math.floor(log_unit(uniform(a)) / log_unit(1.0 - chance)))
    return int(wait), uniform(b) - 0.5


@njit(cache=True, error_model="numpy", forceinline=True)
def _turn(vr: Any, vi: Any, angle: Any) -> Any:
    """v + n for a shake: v - 2 v e^{i angle}."""
    c, s = cosine_sine(angle)
    return vr - 2.0 * (vr * c - vi * s), vi - 2.0 * (vr * s + vi * c)


@njit(cache=True, error_model="numpy")
def walk(
    k0: Any, k1: Any, lo: Any, hi: Any, stream: Any, anxieties: Any, length: Any, bounded: Any, x: Any, y: Any, box: Any
) -> None:
    """Advance one trajectory per lane.

    Parameters
    ----------
    k0, k1 : uint32
        Key.
    lo, hi, stream : (lanes,) uint32
        Counter words 1 to 3 of each lane; `lo` says how many lanes there are, the other arrays may be wider.
    anxieties : (a,) float64
    length : float
        Pixels.
    bounded : int
        Number of points in the bounding box.
    x, y : (samples, lanes) float64
        Written: the points, from the origin.
    box : (4, lanes) float64
        Written: least x, most x, least y, most y of the first `bounded` points.
    """
    samples, lanes = len(x), len(lo)
    step = length / (samples - 1)
    state = np.zeros((6, lanes))
    vr, vi, xr, xi, push, pull = state[0], state[1], state[2], state[3], state[4], state[5]
    chance, angle = np.zeros(lanes), np.zeros(lanes)
    due, count = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    z = np.zeros((4, lanes), np.float32)
    left, right, top, bottom = box[0], box[1], box[2], box[3]
    for k in range(lanes):
        c, g, f, phi, anxiety = draw(k0, k1, lo[k], hi[k], stream[k], anxieties)
        speed = anxiety if anxiety > 0.0 else 1.0
        cosine, sine = cosine_sine(phi)
        vr[k], vi[k] = cosine * step * speed, sine * step * speed
        push[k], pull[k], chance[k] = anxiety * step * g, anxiety * step * c, f * anxiety
        due[k], angle[k] = next_shake(k0, k1, lo[k], hi[k], stream[k], 0, chance[k], samples)
        x[0, k] = y[0, k] = 0.0
        left[k] = right[k] = top[k] = bottom[k] = 0.0
    soonest = due.min()
    for t in range(1, samples):
        half = ((t - 1) & 1) * 2
        if half == 0:
            block = np.uint32(2 + (t - 1) // 2)
            z0, z1, z2, z3 = z[0], z[1], z[2], z[3]
            for k in range(lanes):
                a, b, c, d = philox(block, lo[k], hi[k], stream[k], k0, k1)
                z0[k], z1[k] = normal_pair(a, b)
                z2[k], z3[k] = normal_pair(c, d)
        if t == soonest:
            for k in range(lanes):
                if due[k] == t:
                    vr[k], vi[k] = _turn(vr[k], vi[k], angle[k])
                    count[k] += 1
                    wait, angle[k] = next_shake(k0, k1, lo[k], hi[k], stream[k], count[k], chance[k], samples)
                    due[k] = t + wait
            soonest = due.min()
        zr, zi, xt, yt = z[half], z[half + 1], x[t], y[t]
        for k in range(lanes):
            ar = vr[k] + (push[k] * zr[k] - pull[k] * xr[k])
            ai = vi[k] + (push[k] * zi[k] - pull[k] * xi[k])
            scale = step / math.sqrt(ar * ar + ai * ai)
            vr[k] = ar * scale
            vi[k] = ai * scale
            xr[k] += ar * scale
            xi[k] += ai * scale
            xt[k] = xr[k]
            yt[k] = xi[k]
        if t < bounded:
            for k in range(lanes):
                left[k] = min(left[k], xr[k])
                right[k] = max(right[k], xr[k])
                top[k] = min(top[k], xi[k])
                bottom[k] = max(bottom[k], xi[k])
