"""Which published models can be imported, which cannot and why, and which of them a file holds."""

from collections.abc import Callable, Iterable
from types import ModuleType

from latentcast.core.errors import CheckpointError, SettingsError, shorten
from latentcast.workflows.published import dlinear, neuralforecast, time_llm
from latentcast.workflows.published.checkpoint import Checkpoint
from latentcast.workflows.published.mapping import ImportRequest, MappedWeights

# model → the codes that save it
SOURCES: dict[str, tuple[ModuleType, ...]] = {"time-llm": (time_llm, neuralforecast), "dlinear": (dlinear,)}
NO_MAPPING = "its parts differ from the ones here; train it again with latentcast fit"
REFUSED = {
    "patchtst": "it normalises features over the batch (BatchNorm), after each layer, and adds sinusoidal positions to"
    " patches without a bias; the nearest here is patch-transformer, trained again",
    "pattn": "its attention layer has a feed-forward network of its own; the nearest here is pattn, trained again",
    "nlinear": "it subtracts the last value and has one map; the nearest here is dlinear --preset normalised, trained"
    " again",
    **dict.fromkeys(("autoformer", "transformer", "itransformer", "timesnet", "informer", "fedformer"), NO_MAPPING),
}


def map_checkpoint(
    model: str, request: ImportRequest, read: Callable[[tuple[str, ...]], Checkpoint]
) -> tuple[Checkpoint, MappedWeights]:
    """Read the file and map it by the code that wrote it.

    `read` opens the file, given prefixes of the tensors of language models. Raises SettingsError for a model that has
    no mapping, CheckpointError for a file that holds another model.
    """
    key = model.lower().replace("_", "-")
    plain = key.replace("-", "")
    if plain in REFUSED:
        raise SettingsError(f"{model}: its weights cannot be imported: {REFUSED[plain]}")
    if key not in SOURCES:
        raise SettingsError(f"{model}: wanted {' or '.join(SOURCES)}, whose weights can be imported")
    codes = SOURCES[key]
    checkpoint = read(tuple(prefix for code in codes for prefix in code.LANGUAGE_MODEL))
    holds = recognised(checkpoint)
    if holds != key:
        instead = f"; {REFUSED[holds]}" if holds in REFUSED else ""
        what = shorten(list(checkpoint.tensors), 3) if holds is None else f"a {holds} ({shorten(_first(checkpoint))})"
        raise CheckpointError(f"{checkpoint.path} holds {what or 'nothing'}, and not {model}{instead}")
    theirs = [code for code in codes if _begins(checkpoint.digests, code.LANGUAGE_MODEL)]
    return checkpoint, (theirs or list(codes))[0].map_weights(checkpoint, request)


def recognised(checkpoint: Checkpoint) -> str | None:
    """The model that a file holds, by the names of its tensors; None for any other."""
    names = checkpoint.tensors
    if "reprogramming_layer.query_projection.weight" in names:
        return "time-llm"
    if any(name.startswith("Linear_Trend.") for name in names):
        return "dlinear"
    if set(names) == {"Linear.weight", "Linear.bias"}:
        return "nlinear"
    if any(name.startswith("patch_embedding.") for name in names):
        return "patchtst" if "head.linear.weight" in names else "pattn"
    return None


def _first(checkpoint: Checkpoint) -> list[str]:
    return list(checkpoint.tensors)[:2]


def _begins(names: Iterable[str], prefixes: tuple[str, ...]) -> bool:
    return bool(prefixes) and any(name.startswith(prefixes) for name in names)
