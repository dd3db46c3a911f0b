"""Time-LLM as its published code saves it (Jin et al. 2024).

The file holds the whole language model too. It is compared with the one that is loaded, and dropped. Prototypes are
mixtures of the vocabulary there; their product with the word embeddings is the same forecast with 65 times fewer
weights for GPT-2, and what is kept here unless `model.backbone.prototypes=vocabulary` is asked for.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from latentcast.core.errors import CheckpointError, Fault, SettingsError
from latentcast.layers.patching import num_patches
from latentcast.models.backbones.language_model import DTYPES
from latentcast.models.network import Network
from latentcast.workflows.published.checkpoint import Checkpoint
from latentcast.workflows.published.mapping import ImportRequest, MappedWeights, agreed
from latentcast.workflows.published.tensors import digest

LANGUAGE_MODEL = ("llm_model.",)
WORDS = "word_embeddings"
PATCH = "patch_embedding.value_embedding.tokenConv.weight"
MAPPING, HEAD, LAYER = "mapping_layer", "output_projection.linear", "reprogramming_layer"
KNOWN = {(50257, 768): "openai-community/gpt2", (30522, 768): "google-bert/bert-base-uncased",
         (32000, 4096): "huggyllama/llama-7b"}  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    """Differences between the codes that save these weights: name, wording of the prompt, prefix of the language
    model."""

    source: str
    wording: str
    prefix: str


PUBLISHED = Dialect("Time-LLM", "published", LANGUAGE_MODEL[0])


@dataclass(frozen=True)
class Sizes:
    """Sizes that follow from the shapes of the weights, the look-back and the stride."""

    length: int
    stride: int
    width: int
    features: int
    heads: int
    patches: int
    horizon: int


def map_weights(checkpoint: Checkpoint, request: ImportRequest, dialect: Dialect = PUBLISHED) -> MappedWeights:
    """Raises SettingsError for what the file does not hold and nobody said, CheckpointError for another model."""
    names = [WORDS, PATCH, f"{MAPPING}.weight", f"{MAPPING}.bias", f"{HEAD}.weight", f"{HEAD}.bias"]
    parts = ("query", "key", "value", "out")
    names += [f"{LAYER}.{part}_projection.{kind}" for part in parts for kind in ("weight", "bias")]
    found = checkpoint.take(names)
    sizes = _sizes(found, request)
    backbone: dict[str, Any] = {
        "llm": _language_model(found[WORDS], request),
        "llm_layers": _layers(checkpoint, request, dialect),
        "width": sizes.features,
        "heads": sizes.heads,
        "num_prototypes": len(found[f"{MAPPING}.bias"]),
        "prototypes": request.setting("model.backbone.prototypes", "direct"),
        "prompt_wording": dialect.wording,
        "dropout": 0.1,
    }
    if request.setting("model.backbone.prompt", True) and request.setting("data.description") is None:
        raise SettingsError(
            Fault(
                "data.description",
                ": the forecasts depend on the description that the prompts began with, which is not in"
                " the checkpoint; give the very text (--describe '…'; an empty one where there was none)",
            )
        )
    model = {
        "name": "time-llm",
        "representation": {"length": sizes.length, "stride": sizes.stride, "width": sizes.width, "ends": "circular"},
        "backbone": backbone,
    }
    settings = {"model": model, "lookback": request.lookback, "horizon": sizes.horizon}
    tensors = _tensors(found, sizes, mixtures=backbone["prototypes"] == "vocabulary")
    check = partial(_compare, checkpoint, dialect)
    notes = [f"patches are {sizes.stride} steps apart and prompts of each window are read alone, without padding"]
    if half := sorted({str(x.dtype) for x in checkpoint.tensors.values() if x.dtype != torch.float32}):
        notes.append(f"the checkpoint holds {', '.join(half)}; forecasts are made in float32")
    return MappedWeights(dialect.source, settings, tensors, check, tuple(notes))


def _sizes(found: dict[str, Tensor], request: ImportRequest) -> Sizes:
    """Raises SettingsError where the look-back is missing, or does not fit the weights with this stride."""
    if request.lookback is None:
        raise SettingsError(
            Fault("lookback", ": is required; the weights hold it only together with the stride (--lookback)")
        )
    width, length, kernel = found[PATCH].shape
    if kernel != 3:
        raise CheckpointError(f"{PATCH} embeds {kernel} patches together; wanted 3")
    horizon, flat = found[f"{HEAD}.weight"].shape
    stride = int(request.setting("model.representation.stride", 8))
    patches, inner = num_patches(request.lookback, length, stride), len(found[f"{LAYER}.query_projection.bias"])
    features = flat // patches if patches > 0 else 0
    if patches < 1 or flat % patches or inner % features:
        raise SettingsError(
            Fault(
                "lookback",
                f"={request.lookback}: patches of {length} steps, {stride} apart, would be {patches} of them, and"
                f" the weights hold {flat} features of all patches and {inner} of all heads, which do not divide; set"
                " the look-back of the training (--lookback), and its stride (--set model.representation.stride=…)",
            )
        )
    horizon = agreed("horizon", request.horizon, horizon)
    return Sizes(length, stride, width, features, inner // features, patches, horizon)


def _language_model(words: Tensor, request: ImportRequest) -> str:
    named = request.llm or request.setting("model.backbone.llm") or KNOWN.get((len(words), words.shape[1]))
    if named is None:
        raise SettingsError(
            Fault(
                "llm",
                f": the weights were trained with a language model of {len(words)} words and {words.shape[1]} features,"
                " which is none of the published ones; name its folder or hub id (--llm)",
            )
        )
    return str(named)


def _layers(checkpoint: Checkpoint, request: ImportRequest, dialect: Dialect) -> int:
    """Layers of the language model: those in the file, or what the user says where it holds none."""
    within = re.compile(re.escape(dialect.prefix) + r"(?:encoder\.)?(?:h|layers|layer)\.(\d+)\.")
    numbers = {int(match[1]) for name in checkpoint.digests if (match := within.match(name))}
    stated: int | None = request.setting("model.backbone.llm_layers")
    if not numbers and stated is None:
        raise SettingsError(
            Fault(
                "model.backbone.llm_layers",
                ": is required; the checkpoint holds no language model whose layers could be"
                " counted (--set model.backbone.llm_layers=6)",
            )
        )
    return agreed("model.backbone.llm_layers", stated, len(numbers)) if numbers else int(stated or 0)


def _tensors(found: dict[str, Tensor], sizes: Sizes, *, mixtures: bool) -> dict[str, Tensor]:
    embed = found[PATCH].permute(0, 2, 1).reshape(sizes.width, -1)
    head = found[f"{HEAD}.weight"].view(sizes.horizon, sizes.features, sizes.patches)  # features outermost there
    tensors = {
        "representation.embed.weight": embed,
        "representation.embed.bias": torch.zeros(sizes.width),
        "head.project.weight": head.transpose(1, 2).reshape(sizes.horizon, -1),
        "head.project.bias": found[f"{HEAD}.bias"],
        # a bias of the keys adds the same to every score of a patch, and falls out of the softmax
        "backbone.reprogram.key.weight": found[f"{LAYER}.key_projection.weight"],
    }
    for part in ("query", "value", "out"):
        for kind in ("weight", "bias"):
            tensors[f"backbone.reprogram.{part}.{kind}"] = found[f"{LAYER}.{part}_projection.{kind}"]
    weight, bias = found[f"{MAPPING}.weight"], found[f"{MAPPING}.bias"][:, None]
    if mixtures:
        tensors |= {"backbone.prototypes.mixing": weight, "backbone.prototypes.bias": bias}
    else:
        product = weight.double() @ found[WORDS].double() + bias
        tensors["backbone.prototypes.values"] = product.float()
    return {f"model.{name}": tensor for name, tensor in tensors.items()}


def _compare(checkpoint: Checkpoint, dialect: Dialect, network: Network) -> None:
    """Raises CheckpointError where the language model is not the one that the weights were trained with."""
    part: Any = network.model.backbone
    language, settings = part.language, part.settings
    words = checkpoint.tensors[WORDS]
    if words.shape != language.words.shape:
        raise CheckpointError(
            f"the weights were trained with a language model of {len(words)} words and {words.shape[1]} features;"
            f" {settings.llm} has {len(language.words)} and {language.words.shape[1]}: name another (--llm)"
        )
    faults = [] if torch.equal(words.to(language.dtype), language.words.cpu()) else ["its word embeddings"]
    if settings.quantise == "none" and language.dtype == DTYPES["fp32"]:
        own = dict(language.model.named_parameters())
        for name, said in checkpoint.digests.items():
            mine = own.get(name.removeprefix(dialect.prefix))
            kind = getattr(torch, said.split(" ")[0])
            if mine is not None and digest(mine.to(kind)) != said:
                faults.append(name)
    if faults:
        raise CheckpointError(
            f"{settings.llm} is not the language model that the weights were trained with: {len(faults)} of its"
            f" tensors differ, {faults[0]} first; name the one of the training (--llm, model.backbone.revision)"
        )


__all__ = ["Dialect", "map_weights"]
