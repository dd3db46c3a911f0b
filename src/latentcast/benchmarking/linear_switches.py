"""The parts of linear models as variants of a linear map, or of a model of patches (docs/linear-parts.md)."""

from typing import Any

from latentcast.benchmarking.variants import Claim, Study, Variant
from latentcast.core.errors import Fault, SettingsError
from latentcast.models.config.run import RunConfig

REFERENCE = "as it is"
CYCLE = 24  # steps of a learned cycle where `data.season` is not set
ADDED = ("cycles", "trailing", "exponential")  # parts that the model must not have yet


def of_linear_parts(run: RunConfig) -> Study:
    """Each part of linear models alone, over the model as it is.

    Raises SettingsError for a model that is neither `dlinear` nor made of patches, or that has a part already.
    """
    model: Any = run.model
    composed = getattr(model, "representation", None) is not None
    if not composed and run.name != "dlinear":
        text = f": {run.name} has no linear map that a part can be added to; choose dlinear or patch-transformer"
        raise SettingsError(Fault("model", text))
    _refuse_added(model, composed)
    length = run.data.season or CYCLE
    variants = {
        REFERENCE: Variant("the model as it is"),
        "cycle": Variant(f"a learned cycle of {length} steps (data.season sets another)", {"cycles": [length]}),
        "trailing mean": Variant("the level is the mean of the last tenth", {"normalise": True, "trailing": 0.1}),
    }
    variants |= _beside_a_map(model, length) if composed else _instead_of_a_map()
    claims = tuple(Claim(f"the {name}", name, (REFERENCE,)) for name in variants if name != REFERENCE)
    return Study(variants, claims)


def _refuse_added(model: Any, composed: bool) -> None:
    faults = [
        Fault(f"model.{name}", ": it is among the parts that are compared; leave it out")
        for name in ADDED
        if getattr(model, name, None)
    ]
    if composed and model.shortcut != "none":
        faults.append(Fault("model.shortcut", ": it is among the parts that are compared; set it to none"))
    if composed and model.mixers:
        faults.append(Fault("model.mixers", ": attention among channels is added to a model that has none; set []"))
    if not composed and model.loss != "mse":
        faults.append(Fault("model.loss", ": the arctangent loss is compared with mse; set it to mse"))
    if faults:
        raise SettingsError(faults)


def _instead_of_a_map() -> dict[str, Variant]:
    return {
        "exponential average": Variant("an exponential average as the trend", {"exponential": 0.3}),
        "arctangent loss": Variant("near steps weigh more", {"loss": "arctangent"}),
        "frequency map": Variant("FITS: a complex map of low frequencies", {"name": "fits"}),
        "solved map": Variant("ridge: the map in closed form", {"name": "ridge"}),
        "clustered maps": Variant(
            "ridge with one map for each group of channels", {"name": "ridge", "maps": "clustered"}
        ),
    }


def _beside_a_map(model: Any, length: int) -> dict[str, Variant]:
    found = {
        "linear shortcut": Variant("a trained linear map is added", {"shortcut": "linear"}),
        "solved shortcut": Variant(
            "a solved linear map is added, the parts learn its residual", {"shortcut": "solved"}
        ),
    }
    settings = model.representation.settings
    width = getattr(settings, "width", None)
    if model.representation.name == "patch":
        periods = {"name": "periods", "period": length, **({} if width is None else {"width": width})}
        found["folded periods"] = Variant(f"tokens of each phase of {length} steps", {"representation": periods})
    if width is not None:
        heads = next(number for number in (8, 4, 2, 1) if width % number == 0)
        mixer = {"name": "inter-variate", "heads": heads, "mask": "spectrum"}
        found["channels by spectrum"] = Variant("channels attend to those of a similar spectrum", {"mixers": [mixer]})
    return found
