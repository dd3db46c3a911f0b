"""An exported graph in onnxruntime: windows in, forecasts out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import UNCOUNTED, CheckpointError, DataError, MissingExtra, SettingsError
from latentcast.core.threads import chosen_threads, threads_without_torch
from latentcast.data.sources.frames import Source
from latentcast.data.windows.arrays import WindowArrays
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.forecasts import Compute, Computed, Sampling
from latentcast.forecaster.export.signature import STANDARDISED, STANDARDISED_QUANTILES, Signature, Value

LARGEST = 1e9  # as network_pass.LARGEST: what is shown where squares of larger values overflow
TOGETHER = 32  # windows of one run: what a graph holds of more leaves the cache of the processor
TYPES = {"tensor(double)": "double", "tensor(float)": "float", "tensor(bool)": "bool", "tensor(int64)": "int64"}


def open_session(content: bytes, where: str) -> Any:
    """A session of onnxruntime on the CPU. Raises CheckpointError for a file that it cannot read."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx", "an exported model") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = chosen_threads() or threads_without_torch()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes have no base of their own
        raise CheckpointError(f"{where} cannot be read by onnxruntime: {_first_line(error)}") from error


def read_file(path: Path) -> bytes:
    """The whole file: a graph that keeps weights in another file is refused when it is opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def check_session(session: Any, signature: Signature, where: str) -> None:
    """Raise CheckpointError where the inputs or outputs are not those that the metadata ask for."""
    for kind, found, wanted in (
        ("input", session.get_inputs(), signature.inputs),
        ("output", session.get_outputs(), signature.outputs),
    ):
        there = {one.name: (TYPES.get(one.type, one.type), *one.shape[1:]) for one in found}
        asked = {one.name: (one.dtype, *one.sizes) for one in wanted}
        if there != asked:
            names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
            raise CheckpointError(
                f"the graph in {where} does not fit its run card: {kind} {names[0]} is {there.get(names[0])}, wanted"
                f" {asked.get(names[0])}; export the model again"
            )


@dataclass(frozen=True)
class SessionEngine:
    """As `state.Engine` asks for it, with a graph."""

    name: str
    horizon: int
    signature: Signature
    session: Any = field(repr=False)

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """What forecasts batches of windows."""
        return self._forecast

    def at_horizon(self, horizon: int) -> Any:
        """Raises SettingsError: a graph has one horizon."""
        raise SettingsError(f"horizon={horizon}: this export of {self.name} forecasts {self.horizon} steps")

    def transfer_hint(self, source: Source) -> str:
        """A graph goes with the data of its fit alone."""
        return ""

    def _forecast(self, windows: Windows, read: WindowArrays) -> Computed:
        """The windows are in standardised units already: the graph gets location 0 and scale 1."""
        past = read.past.astype(np.float64)
        found = self._run(past, read)
        if not np.isfinite(found[0]).all():
            found = self._run(past.clip(-LARGEST, LARGEST), read)
        return Computed(*found)

    def _run(self, past: NDArray[np.float64], read: WindowArrays) -> list[NDArray[np.float64]]:
        outputs = [STANDARDISED]
        if any(one.name == STANDARDISED_QUANTILES for one in self.signature.outputs):
            outputs.append(STANDARDISED_QUANTILES)
        given: dict[str, Any] = {
            "values": past,
            "observed": read.observed,
            "past_known": read.past_known,
            "future_known": read.future_known,
            "static": read.static,
            "phase": read.phase,
        }
        feeds = {one.name: _neutral(one, len(past), given) for one in self.signature.inputs}
        found = [
            self.session.run(outputs, {name: whole[first : first + TOGETHER] for name, whole in feeds.items()})
            for first in range(0, len(past), TOGETHER)
        ]
        return [np.concatenate(parts).astype(np.float64) for parts in zip(*found, strict=True)]


def _neutral(one: Value, count: int, given: Mapping[str, Any]) -> NDArray[Any]:
    """What is given, or the value that changes nothing. Raises DataError where steps have no phase."""
    if (value := given.get(one.name)) is not None:
        return np.ascontiguousarray(value)
    if one.name == "phase":
        raise DataError(UNCOUNTED)
    if one.dtype == "bool":
        return np.ones((count, *one.sizes), np.bool_)
    fill = {"scale": 1.0, "power": np.nan}.get(one.name, 0.0)
    return np.full((count, *one.sizes), fill, np.float64 if one.dtype == "double" else np.float32)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
