"""The stationary wavelet transform: every step keeps its coefficients in every band (Nason & Silverman 1995).

Filters are divided by √2 at each level and intermediate approximations are dropped, so that an orthogonal wavelet
conserves energy (pywt.swt with norm=True, trim_approx=True). Bands run from coarse to fine: the approximation, the
detail of the last level, …, the detail of the first.

The window's ends are extended before filtering: one cascade of valid convolutions then serves every mode, and each
band is one filter on the extended signal (`composite`).
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError, suggest

Mode = Literal["symmetric", "reflect", "periodic", "zero", "causal"]
Filter = Float[Tensor, " taps"]


def filters(name: str) -> tuple[Filter, Filter]:
    """Return the low-pass and high-pass decomposition filters of a wavelet, of equal even length.

    Raises SettingsError with the nearest name when there is no such discrete wavelet.
    """
    import pywt

    known = pywt.wavelist(kind="discrete")
    if name not in known:
        raise SettingsError(Fault("wavelet", f"={name}: no such discrete wavelet; {suggest(name, known)}"))
    wavelet = pywt.Wavelet(name)
    low, high = (torch.tensor(taps, dtype=torch.float64) for taps in (wavelet.dec_lo, wavelet.dec_hi))
    return low, high


def span(taps: int, level: int) -> int:
    """Return the steps behind one coefficient of the last level: 50 for db4 (8 taps) at level 3."""
    return (taps - 1) * (2**level - 1) + 1


def deepest(taps: int, time: int) -> int:
    """Return the most levels whose filters fit into `time` steps; 0 when none does."""
    return max(math.floor(math.log2((time - 1) / (taps - 1) + 1)), 0) if time > 1 else 0


def reach(taps: int, level: int, mode: Mode) -> tuple[int, int]:
    """Return the steps before and after its own that a coefficient depends on; in mode causal none after."""
    after = 0 if mode == "causal" else taps // 2 * (2**level - 1)
    return span(taps, level) - 1 - after, after


def extended(x: Float[Tensor, "series time"], before: int, after: int, mode: Mode) -> Float[Tensor, "series more"]:
    """Extend the ends of the signal; causal repeats the first value."""
    return taken(x, places(x.shape[1], before, after, mode, x.device), mode)


def taken(x: Float[Tensor, "series time"], at: Int[Tensor, " more"], mode: Mode) -> Float[Tensor, "series more"]:
    """Gather the steps of a signal at `places`."""
    return (F.pad(x, (0, 1)) if mode == "zero" else x).index_select(1, at)


def places(time: int, before: int, after: int, mode: Mode, device: torch.device | None = None) -> Int[Tensor, " more"]:
    """Return the step at each place of the extended signal; `time`, which is no step, marks a zero."""
    at = torch.arange(-before, time + after, device=device)
    if mode == "zero":
        return torch.where((at >= 0) & (at < time), at, time)
    if mode == "periodic":
        return at % time
    if mode == "causal" or time == 1:
        return at.clamp(0, time - 1)
    period = 2 * time if mode == "symmetric" else 2 * time - 2
    at = at % period
    return torch.minimum(at, (2 * time - 1 if mode == "symmetric" else period) - at)


def transform(
    x: Float[Tensor, "series more"], low: Filter, high: Filter, level: int, mode: Mode
) -> Float[Tensor, "series time bands"]:
    """Compute the coefficients of an extended signal, level by level."""
    pair = torch.stack([low, high]).flip(1)[:, None].to(x.dtype) / math.sqrt(2)
    details = []
    for j in range(level):
        both = F.conv1d(x[:, None], pair, dilation=2**j)
        x = both[:, 0]
        details.append(both[:, 1])
    time, taps = x.shape[1], len(low)
    bands = [x]
    for j in reversed(range(level)):  # finer bands extend further beyond the steps shared by all bands
        first = sum(reach(taps, 1, mode)[0] * 2**k for k in range(j + 1, level))
        bands.append(details[j][:, first : first + time])
    return torch.stack(bands, 2)


def composite(low: Filter, high: Filter, level: int, mode: Mode) -> Float[Tensor, "bands span"]:
    """Return each band as one filter: the coefficients of a unit impulse."""
    impulses = torch.eye(span(len(low), level), dtype=low.dtype, device=low.device)
    return transform(impulses, low, high, level, mode)[:, 0].T


def over_patch(kernels: Float[Tensor, "bands span"], length: int) -> Float[Tensor, "features steps"]:
    """Return all coefficients of `length` steps as one matrix on the steps that they depend on."""
    bands, taps = kernels.shape
    at = torch.arange(length + taps - 1, device=kernels.device) - torch.arange(length, device=kernels.device)[:, None]
    inside = (at >= 0) & (at < taps)
    return (kernels[:, at.clamp(0, taps - 1)] * inside).reshape(bands * length, -1)


def synthesis(low: Filter, high: Filter) -> tuple[Filter, Filter]:
    """Return the synthesis filters, which cancel aliases for any two analysis filters."""
    sign = 1 - 2 * (torch.arange(len(low), device=low.device) % 2)
    return -sign * high, sign * low


def unlike_a_wavelet(low: Filter, high: Filter) -> Float[Tensor, ""]:
    """Measure how far two filters are from those of a wavelet, which give 0.

    Perfect reconstruction: analysis and synthesis together give back the signal, delayed (Strang & Nguyen 1996, section
    4.1). Admissibility: the high-pass filter does not see a constant, the low-pass filter keeps it.
    """
    undo_low, undo_high = synthesis(low, high)
    taps = len(low)
    both = F.conv1d(torch.stack([low, high])[None], torch.stack([undo_low, undo_high]).flip(1)[None], padding=taps - 1)[
        0, 0
    ]
    wanted = F.one_hot(torch.tensor(taps - 1, device=low.device), 2 * taps - 1).to(low.dtype) * 2
    return (both - wanted).square().sum() + high.sum().square() + (low.sum() - math.sqrt(2)).square()


def inverse(
    coefficients: Float[Tensor, "series time bands"], low: Filter, high: Filter
) -> Float[Tensor, "series time"]:
    """The signal of periodic coefficients, of any number of steps; of other modes, extend the signal first.

    Exact for every wavelet with perfect reconstruction: each level is overcomplete twice, and both halves agree.
    """
    time, bands = coefficients.shape[1:]
    undo = torch.stack(synthesis(low, high)).flip(1)[None].to(coefficients.dtype) / math.sqrt(2)
    x, taps = coefficients[..., 0], len(low)
    for number, j in enumerate(reversed(range(bands - 1))):
        pair = torch.stack([x, coefficients[..., number + 1]], 1)
        at = places(time, 2**j * (taps // 2), 2**j * (taps - 1 - taps // 2), "periodic", x.device)
        x = F.conv1d(pair.index_select(2, at), undo, dilation=2**j)[:, 0]
    return x
