"""Tables of variants: one model's settings, changed here and there, and what the comparison of two of them says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latentcast.core.errors import Fault, SettingsError
from latentcast.models.config.run import RunConfig


@dataclass(frozen=True)
class Variant:
    """What is laid over the settings of the model, and what that makes of it, in words."""

    about: str
    model: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """`subject` helps, if the variant that has it has the lower error than each of those `without` it."""

    subject: str
    having: str
    without: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """Variants by label, the first of them what all others are compared with; and the claims to be judged.

    left_out   variants that make no sense for this model, and why
    """

    variants: Mapping[str, Variant]
    claims: tuple[Claim, ...]
    left_out: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        return next(iter(self.variants))


LLM, RANDOM, PROMPT = "language model", "random weights", "no prompt"
ATTENTION, BLOCK, NOTHING = "one attention layer", "one block", "no backbone"


def of_language_model(run: RunConfig) -> Study:
    """The controls of Tan et al. (2024), and the prompt.

    Where the language model goes, prompt and reprogramming go with it, and the tokens are as wide as what the head
    would read of it, so that the head is the same. Raises SettingsError for a model without a language model, and for
    one whose weights are random already.
    """
    backbone: Any = getattr(run.model, "backbone", None)
    if backbone is None or backbone.name != "frozen_llm":
        raise SettingsError(Fault("model", f": {run.name} has no language model to switch off; choose time-llm"))
    s = backbone.settings
    if s.random:
        raise SettingsError(
            Fault("model.backbone.random", "=true: there is no language model to judge; set it to false")
        )
    if s.lora:
        raise SettingsError(
            Fault(
                "model.backbone.lora",
                ": adapters would train in some variants alone, and not with one budget; set it to 0",
            )
        )
    representation: Any = getattr(run.model, "representation", None)
    takes_width = "width" in type(representation.settings).model_fields
    width = s.width if takes_width else 0
    tokens = {"representation": {"width": width}} if takes_width else {}
    heads = math.gcd(s.heads, width or s.heads)
    block = {"name": "encoder", "layers": 1, "heads": heads, "ff": 4 * s.width, "dropout": s.dropout}
    variants = {
        LLM: Variant(f"the model as it is, with {s.llm}"),
        RANDOM: Variant(f"the shape of {s.llm}, its weights drawn from a seed", {"backbone": {"random": True}}),
        ATTENTION: Variant(
            "one attention layer in its place", {**tokens, "backbone": {"name": "attention", "heads": heads}}
        ),
        BLOCK: Variant("one Transformer block in its place", {**tokens, "backbone": block}),
        NOTHING: Variant("nothing in its place: patches and head", {**tokens, "backbone": {"name": "none"}}),
    }
    claims = [
        Claim("the language model", LLM, (ATTENTION, BLOCK, NOTHING)),
        Claim("what it has learned from text", LLM, (RANDOM,)),
    ]
    if not s.prompt:
        return Study(variants, tuple(claims), (f"{PROMPT}: the model has none (model.backbone.prompt=false)",))
    variants[PROMPT] = Variant("the language model without its prompt", {"backbone": {"prompt": False}})
    return Study(variants, (*claims, Claim("the prompt", LLM, (PROMPT,))))


PLAIN, ALL = "plain patches", "all together"


def of_extensions(run: RunConfig) -> Study:
    """Each extension alone, laid over the model as it is, and all of them together.

    Where the model has a language model, those of its prompt and prototypes are among them. Raises SettingsError for a
    model that is not made of patches, or that has an extension already.
    """
    representation, backbone = _plain_patches(run)
    patches = representation.settings.model_dump(mode="json")
    drop_ins = {
        "wavelet": "bands of a wavelet transform, in patches",
        "multi-scale": "patches of coarser copies beside those of the series",
        "frequency": "trend and season apart, in patches of their own",
    }
    views = [{"name": name, **patches} for name in drop_ins]
    mixers = {
        "inter-variate": ({"name": "inter-variate"}, "attention over the channels at each patch"),
        "mixture": ({"name": "mixture"}, "a mixture of experts for each patch"),
    }
    variants = {PLAIN: Variant("the model as it is")}
    variants |= {view["name"]: Variant(drop_ins[view["name"]], {"representation": view}) for view in views}
    variants |= {name: Variant(about, {"mixers": [part]}) for name, (part, about) in mixers.items()}
    together: dict[str, Any] = {
        "representation": {"name": "views", "views": views},
        "mixers": [part for part, _ in mixers.values()],
    }
    left_out = []
    if backbone is not None and backbone.name == "frozen_llm":
        s = backbone.settings
        if s.dynamic or s.local_statistics or s.prototype_start != "vocabulary":
            raise SettingsError(
                Fault(
                    "model.backbone",
                    ": dynamic tokens, local statistics and a start of the prototypes are among the"
                    " extensions; leave them to the comparison (dynamic=0, local_statistics=false,"
                    " prototype_start=vocabulary)",
                )
            )
        dynamic = {"dynamic": 32, "local_statistics": True}
        words = {"prototype_start": "cluster", "num_prototypes": "adaptive"}
        variants["dynamic prompt"] = Variant(
            "32 tokens that the window makes, and its local statistics", {"backbone": dynamic}
        )
        variants["task vocabulary"] = Variant("prototypes that start from words for time series", {"backbone": words})
        together["backbone"] = {**dynamic, **words}
    else:
        left_out.append("dynamic prompt, task vocabulary: the model has no language model")
    variants[ALL] = Variant("every one of them", together)
    claims = tuple(
        Claim(f"{name}" if name == ALL else f"the {name}", name, (PLAIN,)) for name in variants if name != PLAIN
    )
    return Study(variants, claims, tuple(left_out))


def _plain_patches(run: RunConfig) -> tuple[Any, Any]:
    """Representation and backbone of a model without extensions. Raises SettingsError for any other."""
    representation: Any = getattr(run.model, "representation", None)
    if representation is None or representation.name != "patch":
        text = f": {run.name} is not made of plain patches; choose time-llm, patch-transformer or pattn"
        raise SettingsError(Fault("model", text))
    if getattr(run.model, "mixers", ()):
        raise SettingsError(Fault("model.mixers", ": extensions are added to a model that has none; set []"))
    return representation, getattr(run.model, "backbone", None)
