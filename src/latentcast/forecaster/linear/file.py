"""A linear map in the folder of a forecaster: `linear.safetensors`, next to the weights that it was made from."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.bounded_json import parse_json
from latentcast.core.task import Task
from latentcast.forecaster.declared import ExportedModel
from latentcast.models.linear_map import LEVELS, LinearMap

ABOUT = "linear"


def dump(linear: LinearMap, model: ExportedModel) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays, and what the model declares."""
    about = {"level": linear.level, "newest": linear.newest, "model": model.to_dict()}
    arrays = {"weight": linear.weight, "bias": linear.bias, "map_of": linear.map_of}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}, {ABOUT: json.dumps(about)}


def parse(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], task: Task
) -> tuple[LinearMap, ExportedModel]:
    """What `dump` wrote. Raises ValueError, KeyError or TypeError for anything else, or a map of other sizes."""
    about = parse_json(metadata[ABOUT])
    weight, bias, map_of = arrays["weight"], arrays["bias"], arrays["map_of"]
    maps = len(weight)
    if weight.shape != (maps, task.horizon, task.lookback) or bias.shape != (maps, task.horizon) or not maps:
        raise ValueError(f"the map has the shape {weight.shape}, its constants {bias.shape}")
    if weight.dtype != np.float64 or bias.dtype != np.float64 or map_of.dtype != np.int64:
        raise ValueError(f"the map has the types {weight.dtype}, {bias.dtype} and {map_of.dtype}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("the map holds values that are not finite")
    if maps > 1 and (map_of.shape != (task.channels,) or (map_of < 0).any() or (map_of >= maps).any()):
        raise ValueError("the channels have no map each")
    level, newest = about["level"], about["newest"]
    if level not in LEVELS or type(newest) is not int or not 0 <= newest <= task.lookback:
        raise ValueError(f"level={level!r}, newest={newest!r}")
    return LinearMap(weight, bias, map_of, level, newest), ExportedModel.parse(about["model"])
