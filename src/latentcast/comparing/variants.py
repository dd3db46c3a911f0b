"""Tables of variants: one model's settings, changed here and there, and what the comparison of two of them says."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from latentcast.errors import SettingsError, nearest
from latentcast.run import Run


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


def of_language_model(run: Run) -> Study:
    """The controls of Tan et al. (2024), and the prompt.

    Where the language model goes, prompt and reprogramming go with it, and the tokens are as wide as what the head
    would read of it, so that the head is the same. Raises SettingsError for a model without a language model, and for
    one whose weights are random already.
    """
    backbone: Any = getattr(run.model, "backbone", None)
    if backbone is None or backbone.name != "frozen_llm":
        raise SettingsError(f"model: {run.name} has no language model to switch off; choose time-llm")
    s = backbone.settings
    if s.random:
        raise SettingsError("model.backbone.random=true: there is no language model to judge; state false")
    if s.lora:
        raise SettingsError(
            "model.backbone.lora: adapters would train in some variants alone, and not with one budget; state 0"
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


SWITCHES: dict[str, Callable[[Run], Study]] = {"llm": of_language_model}


def study(switches: str, run: Run) -> Study:
    """Raises SettingsError for switches that are not known, or that the model does not have."""
    if switches not in SWITCHES:
        raise SettingsError(f"switches: {switches!r} is not known; {nearest(switches, SWITCHES)}")
    return SWITCHES[switches](run)
