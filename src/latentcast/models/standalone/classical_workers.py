"""Fit classical models once for each history, in several processes for large jobs, with a cache.

No torch here, so that a process that fits starts quickly. Such a process is `python -c` with pipes, not one of
multiprocessing, which would run the caller's script again to begin.
"""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.util import find_spec
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import LatentcastError, MissingExtra

Array = NDArray[np.float64]
SHORTEST = 8  # steps that every one of them can be fitted to
ALONE = 2.0  # seconds of fitting before other processes are started: as long as one takes to begin
CLASSES = {"auto-arima": "AutoARIMA", "auto-ets": "AutoETS", "theta": "AutoTheta"}


@dataclass(frozen=True)
class Spec:
    """What is fitted: `levels` are those of prediction intervals in per cent, ascending; `options` the class's own."""

    model: str
    season: int
    horizon: int
    levels: tuple[float, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def columns(self) -> int:
        return 1 + 2 * len(self.levels)


def check_installed(model: str) -> None:
    """Raises MissingExtra when the package of the fits is not there."""
    if find_spec("statsforecast") is None:
        raise MissingExtra("statsforecast", "classical", f"model {model}")


def fit_one(spec: Spec, history: Array) -> Array:
    """[horizon, columns]: the forecast, then the lower ends of the intervals, widest first, then the upper ends.

    A constant history is repeated, with intervals of no width. Below two seasons the fit is without a season.
    Raises whatever the package raises, ValueError for a history that is too short or a forecast that is not finite.
    """
    if (history == history[-1]).all():
        return np.full((spec.horizon, spec.columns), history[-1])
    if len(history) < SHORTEST:
        raise ValueError(f"{len(history)} observed steps, and {SHORTEST} are needed")
    from statsforecast import models

    season = spec.season if len(history) >= 2 * spec.season else 1
    model = _model(models, spec, season)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a form that cannot be fitted is left out of the search, and said so each time
        try:
            found = model.forecast(y=history, h=spec.horizon, level=list(spec.levels) or None)
        except ValueError:
            if "order" not in dict(spec.options):
                raise
            # its start by conditional sums of squares may be non-stationary, which the package does not notice
            again = _model(models, spec, season, method="ML")
            found = again.forecast(y=history, h=spec.horizon, level=list(spec.levels) or None)
    lows = [found[f"lo-{level}"] for level in reversed(spec.levels)]
    whole = np.stack([found["mean"], *lows, *(found[f"hi-{level}"] for level in spec.levels)], axis=1)
    if not np.isfinite(whole).all():
        raise ValueError("its forecast is not finite")
    return np.asarray(whole, np.float64)


def _model(models: Any, spec: Spec, season: int, **how: Any) -> Any:
    """The package's class with its season; for ARIMA with a set order the one that does not search."""
    options = dict(spec.options)
    if "order" not in options:
        return getattr(models, CLASSES[spec.model])(season_length=season, **options)
    seasonal = options["seasonal_order"] if season > 1 else (0, 0, 0)
    return models.ARIMA(order=tuple(options["order"]), season_length=season, seasonal_order=tuple(seasonal), **how)


class Memo:
    """Fits by what they were made of, the oldest forgotten first beyond `most` bytes."""

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0
        self.kept: OrderedDict[bytes, Array] = OrderedDict()

    def get(self, key: bytes) -> Array | None:
        found = self.kept.get(key)
        if found is not None:
            self.kept.move_to_end(key)
        return found

    def put(self, key: bytes, fit: Array) -> None:
        self.bytes += fit.nbytes - (self.kept[key].nbytes if key in self.kept else 0)
        self.kept[key] = fit
        while self.bytes > self.most and len(self.kept) > 1:
            self.bytes -= self.kept.popitem(last=False)[1].nbytes


MEMO = Memo(128 * 2**20)


def forecast_all(spec: Spec, histories: Sequence[Array], processes: int = 1) -> tuple[Array, dict[int, str]]:
    """([histories, horizon, columns], number → why it failed). What failed is NaN, and is not remembered.

    Each history is fitted once, however often it comes. Other processes are started where fitting takes longer than
    they take to begin.
    """
    prefix = repr(spec).encode()
    keys = [blake2b(prefix + history.tobytes(), digest_size=16).digest() for history in histories]
    found = {key: fit for key in dict.fromkeys(keys) if (fit := MEMO.get(key)) is not None}
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    todo = [key for key in dict.fromkeys(keys) if key not in found]
    why: dict[bytes, str] = {}
    began = time.monotonic()
    while todo and (processes == 1 or time.monotonic() - began < ALONE):
        key = todo.pop(0)
        _keep(key, _tried(spec, histories[first[key]]), found, why)
    if todo:
        outcomes = _in_processes(spec, [histories[first[key]] for key in todo], processes)
        for key, outcome in zip(todo, outcomes, strict=True):
            _keep(key, outcome, found, why)
    nothing = np.full((spec.horizon, spec.columns), np.nan)
    whole = np.stack([found.get(key, nothing) for key in keys])
    return whole, {number: why[key] for number, key in enumerate(keys) if key in why}


def _keep(key: bytes, outcome: Array | str, found: dict[bytes, Array], why: dict[bytes, str]) -> None:
    if isinstance(outcome, str):
        why[key] = outcome
    else:
        found[key] = outcome
        MEMO.put(key, outcome)


def _tried(spec: Spec, history: Array) -> Array | str:
    try:
        return fit_one(spec, history)
    except Exception as error:  # the package has no tree of its own: it raises bare ones too
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _in_processes(spec: Spec, histories: Sequence[Array], processes: int) -> list[Array | str]:
    """The outcomes of `_tried`, each process with every so-many-th history."""
    outcomes: list[Array | str] = [""] * len(histories)
    processes = min(processes, len(histories))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", "from latentcast.models.standalone.classical_workers import serve; serve()"]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        for _ in range(processes)
    ]
    try:
        for number, worker in enumerate(workers):
            assert worker.stdin is not None
            share = histories[number::processes]
            head = {"spec": asdict(spec), "lengths": [len(history) for history in share]}
            _write(worker.stdin, head, np.concatenate(share))
        for number, worker in enumerate(workers):
            assert worker.stdout is not None
            places = range(number, len(histories), processes)
            try:
                head, values = _read(worker.stdout, lambda head: len(head["failed"]) * spec.horizon * spec.columns)
            except (ValueError, OSError) as error:
                raise LatentcastError(
                    f"a process that fits {spec.model} ended before it was done (exit code {worker.wait()}); fewer of"
                    " them (model.processes) need less memory"
                ) from error
            fits = values.reshape(len(places), spec.horizon, spec.columns)
            for at, fit, reason in zip(places, fits, head["failed"], strict=True):
                outcomes[at] = np.array(fit) if reason is None else str(reason)
    finally:
        for worker in workers:
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()  # a process whose input ends, ends
            worker.wait()
    return outcomes


def serve() -> None:
    """The other side: fits what comes on the standard input, and ends when that is closed."""
    import signal

    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a package prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the caller, and that closes the input
    head, values = _read(sys.stdin.buffer, lambda head: sum(head["lengths"]))
    stated = head["spec"]
    options = tuple((name, value) for name, value in stated.pop("options"))
    spec = Spec(**{**stated, "levels": tuple(stated["levels"]), "options": options})
    threading.Thread(target=_end_with_input, daemon=True).start()
    histories = np.split(values, np.cumsum(head["lengths"])[:-1])
    outcomes = [_tried(spec, history) for history in histories]
    nothing = np.full((spec.horizon, spec.columns), np.nan)
    fits = np.stack([nothing if isinstance(outcome, str) else outcome for outcome in outcomes])
    _write(answer, {"failed": [outcome if isinstance(outcome, str) else None for outcome in outcomes]}, fits)
    answer.close()


def _end_with_input() -> None:
    os.read(0, 1)  # a buffered read would hold a lock that the end of the interpreter waits for
    os._exit(1)


def _write(pipe: IO[bytes], head: dict[str, Any], values: Array) -> None:
    pipe.write(json.dumps(head).encode() + b"\n" + np.ascontiguousarray(values, np.float64).tobytes())
    pipe.flush()


def _read(pipe: IO[bytes], count: Any) -> tuple[dict[str, Any], Array]:
    """A line of JSON, and as many numbers as it asks for. Raises ValueError when they do not come."""
    head = json.loads(pipe.readline())
    size = 8 * count(head)
    data = pipe.read(size)
    if len(data) < size:
        raise ValueError("the pipe ended")
    return head, np.frombuffer(data, np.float64)
