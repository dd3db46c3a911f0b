"""Irregular components: independent noise, coloured noise and stochastic volatility, of about unit variance."""

import numpy as np
from scipy.fft import irfft, next_fast_len
from scipy.signal import lfilter

from latentcast.data.simulation.draws import Array, Generator, standardised


def white(rng: Generator, count: int, length: int) -> Array:
    """[count, length] independent noise: normal, Student's t, Laplace or centred gamma, by row."""
    base = rng.standard_normal((count, length), dtype=np.float32).astype(np.float64)
    kind = rng.random(count)
    heavy = np.flatnonzero(kind < 0.25)
    if len(heavy):
        freedom = rng.choice([3.0, 4.0, 6.0], (len(heavy), 1))
        chi = rng.standard_gamma(freedom / 2, (len(heavy), length)) * 2
        base[heavy] *= np.sqrt(freedom / chi) * np.sqrt((freedom - 2) / freedom)
    laplace = np.flatnonzero((kind >= 0.25) & (kind < 0.35))
    base[laplace] *= np.sqrt(rng.standard_exponential((len(laplace), length)))
    skewed = np.flatnonzero((kind >= 0.35) & (kind < 0.42))
    shape = rng.uniform(0.8, 4, (len(skewed), 1))
    base[skewed] = (rng.standard_gamma(shape, (len(skewed), length)) - shape) / np.sqrt(shape)
    return base


def volatile(rng: Generator, count: int, length: int) -> Array:
    """[count, length] noise whose size clusters: log-volatility is a persistent AR(1)."""
    persistence = rng.choice([0.9, 0.97, 0.99])
    innovations = rng.normal(0, np.sqrt(1 - persistence**2), (count, length + 50))
    log_size = lfilter([1.0], [1.0, -persistence], innovations, axis=1)[:, 50:]
    return white(rng, count, length) * np.exp(rng.uniform(0.2, 0.9, (count, 1)) * log_size)


def autoregressive(rng: Generator, count: int, length: int) -> Array:
    """[count, length] stationary ARMA noise by stable roots; groups of rows share their coefficients."""
    result = np.empty((count, length))
    for rows in np.array_split(np.arange(count), max(1, count // 16)):
        roots: list[complex] = []
        for _ in range(rng.integers(0, 2)):  # one pair of complex roots: a damped cycle
            root = rng.uniform(0.3, 0.97) * np.exp(1j * rng.uniform(0.02, np.pi))
            roots += [root, root.conjugate()]
        roots += list(1 - np.exp(rng.uniform(np.log(0.01), np.log(1), rng.integers(1, 3))) * rng.choice([1, 1, 1, 1.6]))
        ar = np.real(np.poly(roots))
        ma = np.real(np.poly(rng.uniform(-0.8, 0.8, rng.integers(0, 3))))
        shocks = white(rng, len(rows), length + 100)
        result[rows] = lfilter(np.atleast_1d(ma), ar, shocks, axis=1)[:, 100:]
    return standardised(result)


def power_law(rng: Generator, count: int, length: int) -> Array:
    """[count, length] noise whose spectrum falls as a power of frequency: fractional integration, rough to smooth."""
    size = next_fast_len(2 * length)
    frequency = np.arange(1, size // 2 + 2) / size
    exponent = rng.uniform(0.2, 3.0, (count, 1))
    corner = np.exp(rng.uniform(np.log(1 / size), np.log(0.2), (count, 1)))
    size_of = (frequency**2 + corner**2) ** (-exponent / 4)
    phases = rng.standard_normal((count, len(frequency), 2), dtype=np.float32)
    spectrum = (phases[..., 0] + 1j * phases[..., 1]) * size_of
    return standardised(irfft(spectrum, n=size, axis=1)[:, :length])


def noise(rng: Generator, count: int, length: int) -> Array:
    """[count, length] mostly independent noise; some of it coloured or with volatility clusters."""
    kind = rng.random()
    if kind < 0.55:
        return white(rng, count, length)
    if kind < 0.75:
        return autoregressive(rng, count, length)
    return volatile(rng, count, length) if kind < 0.9 else power_law(rng, count, length)
