"""What stands in a network's place declares what the network did: how windows are cut and intervals made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ExportedModel:
    """What a graph or a linear map declares, as `state.WindowModel` asks for it.

    Attributes
    ----------
    uses_known, uses_static, uses_phase, quantile_levels, calibrates, is_light
        As of the network that was exported.
    quantised
        `int8` where weights were rounded to eight bits.
    """

    uses_known: bool = False
    uses_static: bool = False
    uses_phase: bool = False
    quantile_levels: tuple[float, ...] = ()
    calibrates: bool = True
    is_light: bool = False
    quantised: str | None = None
    prompter: None = None
    samples: bool = False
    nonnegative: bool = False
    whole: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        names = ("uses_known", "uses_static", "uses_phase", "quantile_levels", "calibrates", "is_light", "quantised")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "ExportedModel":
        """Raises ValueError when it is not what `to_dict` gave."""
        values = {"uses_phase": False, **values}  # files of version 1
        levels = values["quantile_levels"]
        flags = ("uses_known", "uses_static", "uses_phase", "calibrates", "is_light")
        if not all(isinstance(values[name], bool) for name in flags):
            raise ValueError(f"model: {', '.join(flags)} are not true or false")
        numbers = isinstance(levels, list) and all(isinstance(one, float) and 0 < one < 1 for one in levels)
        if not numbers or sorted(set(levels)) != levels:
            raise ValueError(f"model.quantile_levels={levels!r}: wanted ascending numbers between 0 and 1")
        if values["quantised"] not in (None, "int8"):
            raise ValueError(f"model.quantised={values['quantised']!r}")
        return cls(
            quantile_levels=tuple(levels), quantised=values["quantised"], **{name: values[name] for name in flags}
        )


def declared(network: Any, quantise: str | None = None) -> ExportedModel:
    """What a network declares, as what forecasts in its place declares it."""
    return ExportedModel(
        network.uses_known,
        network.uses_static,
        network.uses_phase,
        network.quantile_levels,
        network.calibrates,
        network.is_light,
        quantise,
    )
