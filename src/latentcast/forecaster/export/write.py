"""A fitted forecaster → a file with its graph."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from latentcast.core.atomic import replacing
from latentcast.core.errors import Fault, MissingExtra, SettingsError, suggest
from latentcast.forecaster.declared import declared
from latentcast.forecaster.export.graph import ForecastGraph
from latentcast.forecaster.export.metadata import pack
from latentcast.forecaster.export.quantise import quantised
from latentcast.forecaster.export.signature import BATCH, Signature, Value, signature_of
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.save import whole_card
from latentcast.forecaster.state import check_forecasts
from latentcast.models.network import Network

Target = Literal["onnx", "torch-export"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torch-export": ".pt2"}
OPSET = 20
_DTYPES = {"double": torch.float64, "float": torch.float32, "bool": torch.bool, "int64": torch.int64}


def export(fitted: FittedModel, path: Path, to: str, quantise: str | None, *, overwrite: bool) -> None:
    """Write a file that forecasts without this package's network, or without torch.

    Raises SettingsError for a model that cannot be exported, with the reason, and for a path or target that is none.
    """
    _check(fitted, path, to, quantise, overwrite=overwrite)
    graph, program = _program(fitted)
    model = declared(fitted.network, quantise)
    said = pack(whole_card(fitted), model, fitted.known, fitted.calibration)
    if to == "torch-export":
        held = io.BytesIO()
        torch.export.save(program, held, extra_files=said)
        content = held.getvalue()
    else:
        content = _onnx(program, graph.signature, said, quantise)
    with replacing(path) as part:
        part.write_bytes(content)


def _check(fitted: FittedModel, path: Path, to: str, quantise: str | None, *, overwrite: bool) -> None:
    if to not in SUFFIXES:
        raise SettingsError(Fault("to", f"={to!r} is no target of an export; {suggest(str(to), SUFFIXES)}"))
    if path.suffix != SUFFIXES[to]:
        raise SettingsError(f"{path}: an export to {to} is a file that ends in {SUFFIXES[to]}")
    if quantise not in (None, "int8") or (quantise and to != "onnx"):
        raise SettingsError(Fault("quantise", f"={quantise!r}: wanted int8, of an export to onnx, or nothing"))
    if path.exists() and not overwrite:
        raise SettingsError(f"{path} exists; name another file, or replace it (overwrite, --overwrite)")
    check_forecasts(fitted)
    if reason := fitted.network.capabilities.not_exported:
        raise SettingsError(f"{fitted.name} cannot be exported: {reason}")
    if to == "onnx":
        try:
            import onnx  # noqa: F401
            import onnxscript  # noqa: F401
        except ImportError as error:
            raise MissingExtra("onnx", "onnx", "an export to onnx") from error


def _program(fitted: FittedModel) -> tuple[ForecastGraph, Any]:
    """The graph, and what torch.export makes of it: any batch size, everything else fixed."""
    effects = fitted.known.scaler.effects
    season = fitted.card.schema.season
    signature = signature_of(fitted.task, fitted.run.data, season, effects, fitted.network)
    network = _settled(fitted.network.cpu().eval())
    graph = ForecastGraph(network, signature, None if effects is None else effects.weights).eval()
    batch = torch.export.Dim(BATCH, min=1)
    given = tuple(_example(one) for one in signature.inputs)
    with _quietly(), torch.no_grad():
        program = torch.export.export(graph, given, dynamic_shapes=(tuple({0: batch} for _ in given),), strict=False)
    return graph, program


def _settled(network: Network) -> Network:
    """Whether a solved map is used alone is kept as a tensor; a graph holds the chosen way only."""
    if not isinstance(getattr(network.model, "uses_parts", None), Tensor):
        return network
    settled = copy.deepcopy(network)
    chosen = bool(settled.model.uses_parts)
    del settled.model.uses_parts
    settled.model.uses_parts = chosen
    return settled


def _example(one: Value, count: int = 3) -> Tensor:
    shape = (count, *one.sizes)
    values = torch.linspace(0.5, 1.5, count * int(np.prod(one.sizes))).reshape(shape)
    return (values < 1.2) if one.dtype == "bool" else values.to(_DTYPES[one.dtype])


def _onnx(program: Any, signature: Signature, said: dict[str, str], quantise: str | None) -> bytes:
    import onnx

    with _quietly():
        made = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=[one.name for one in signature.inputs],
            output_names=[one.name for one in signature.outputs],
            verbose=False,
        )
    assert made is not None
    proto = made.model_proto if quantise is None else quantised(made.model_proto)
    onnx.helper.set_model_props(proto, said)
    content: bytes = proto.SerializeToString()
    return content


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter reports its own steps, and deprecations of torch in itself."""
    loud = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript"), logging.getLogger("onnx_ir")
    before = [one.level for one in loud]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in loud:
            one.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for one, level in zip(loud, before, strict=True):
                one.setLevel(level)
