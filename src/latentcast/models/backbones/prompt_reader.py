"""Tokens read behind a prompt by a frozen language model: after what was computed of it once, or as one sequence."""

import threading
from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.models.backbones import prefix_attention
from latentcast.models.backbones.language_model import LanguageModel, coarse_copy
from latentcast.models.backbones.prefix_tree import PrefixTree

TOLERANCE = 1e-4  # of the check when the model is built; the tests hold 1e-5 in fp32


class Reader:
    """The language model and the words of the prompt's static part, outside the module tree: neither is saved nor
    averaged, nor ever set to train.

    static  [words] on the device of the model
    kept    MiB of keys and values of windows' own words that are kept for later batches; in a file of `folder`, where
            one is given
    coarse  windows' own words, which have no gradient, are read by a copy of the weights in bf16 or int8; static part
            and tokens in float32
    """

    def __init__(
        self,
        language: LanguageModel,
        static: list[int],
        kept: int = 0,
        *,
        folder: str | None = None,
        coarse: Literal["same", "bf16", "int8"] = "same",
    ) -> None:
        self.language, self.kept, self.folder = language, kept, folder
        self.coarse = coarse
        self._coarse: LanguageModel | None = None
        self.static = torch.tensor(static, dtype=torch.long, device="cpu")
        self._known: prefix_attention.Layers | None = None  # of frozen weights and fixed words: worked out when needed
        self._trees: dict[torch.dtype | None, PrefixTree] = {}
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Reader":
        if any(p.requires_grad for p in self.language.model.parameters()):
            raise SettingsError(
                Fault("lora", ": an average of the weights (training.ema) does not go with adapters; set null")
            )
        return self

    def to(self, device: torch.device) -> None:
        """The frozen weights keep their type; layers that are spread over devices stay where they are."""
        self._known = self._coarse = None
        self._trees = {}
        self.static = self.static.to(device)
        if device != self.language.words.device and not self.language.spread:
            self.language.model.to(device)

    def words(self, own: Int[Tensor, "series words"]) -> Int[Tensor, "series every"]:
        """The static part and what is each series' own behind it, -1 at padding."""
        return torch.cat([self.static.expand(len(own), -1), own], 1)

    def embedded(self, ids: Tensor) -> Tensor:
        found: Tensor = self.language.model.get_input_embeddings()(ids.clamp(min=0))
        return found

    def static_part(self) -> prefix_attention.Layers:
        """Keys and values of the static part: a function of what never changes, kept until the model moves."""
        if self._known is None:
            self._known = self._static_of(self.language)
        return self._known

    def _static_of(self, language: LanguageModel) -> prefix_attention.Layers:
        ids = self.static[None]
        if not ids.numel():
            return ()
        # in the type of the weights, whatever mixed precision the first batch happens to run in
        with torch.autocast(ids.device.type, enabled=False):
            return prefix_attention.keys_and_values(language.model, ids, prefix_attention.Known(), language.layers)

    def _rounded(self) -> LanguageModel:
        if self._coarse is None:
            assert self.coarse != "same"
            self._coarse = coarse_copy(self.language, self.coarse)
        return self._coarse

    def _tree(self) -> PrefixTree:
        """The words of earlier batches, apart for each precision that they were read in."""
        kind = self.static.device.type
        precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        with self._lock:
            if precision not in self._trees:
                static = self.static_part() if self.coarse == "same" else self._static_of(self._rounded())
                bytes_of_a_word = sum(2 * key[0, :, 0].numel() * key.element_size() for key, _ in static)
                self._trees[precision] = PrefixTree(static, max(1, self.kept * 2**20 // bytes_of_a_word), self.folder)
            return self._trees[precision]

    def known(self, own: Int[Tensor, "series words"]) -> prefix_attention.Known:
        """What is read before the tokens: keys and values of the static part, and of each series' own words."""
        static = self.static_part()
        if static and own.shape[1] and (self.kept or self.coarse != "same"):
            if self.coarse == "same":
                return self._tree().read(self.language.model, own)
            tree, language = self._tree(), self._rounded()
            with torch.autocast(own.device.type, enabled=False):
                return tree.read(language.model, own).cast(self.language.dtype, static)
        return prefix_attention.of_windows(self.language.model, self.static_part(), own, self.language.layers)

    def after_known(
        self,
        embedded: Float[Tensor, "series tokens llm"],
        own: Int[Tensor, "series words"],
        keep: Bool[Tensor, "series tokens"] | None = None,
        led: Float[Tensor, "series leading llm"] | None = None,
    ) -> Float[Tensor, "series tokens llm"]:
        """Hidden states of the tokens alone, attending to what is known of the prompt, and to those that lead them."""
        llm, known = self.language.model, self.known(own)
        if led is not None:
            known = prefix_attention.led_by(llm, led, known, self.language.layers)
        hidden = prefix_attention.read(llm, embedded, prefix_attention.Reading(known, keep=keep))
        assert hidden is not None
        return hidden

    def as_one(
        self,
        embedded: Float[Tensor, "series tokens llm"],
        own: Int[Tensor, "series words"],
        keep: Bool[Tensor, "series tokens"] | None = None,
        led: Float[Tensor, "series leading llm"] | None = None,
        *,
        told: bool = True,
    ) -> Float[Tensor, "series tokens llm"]:
        """The same with all as one sequence, and each series' padding first: no distance counts padding.

        told  False: without any words, where `led` stands for them
        """
        asked = embedded.shape[1]
        if led is not None:
            embedded = torch.cat([led, embedded], 1)
            keep = None if keep is None else nn.functional.pad(keep, (led.shape[1], 0), value=True)
        series, tokens, _ = embedded.shape
        language = self.language
        ids = self.words(own) if told else own[:, :0]
        lengths = (ids >= 0).sum(1)
        if not language.takes_positions:
            return self._by_length(embedded, ids, lengths)[:, -asked:]
        longest = ids.shape[1]
        at = torch.arange(longest, device=ids.device) - (longest - lengths)[:, None]
        words = self.embedded(ids.gather(1, at.clamp(min=0)))
        kept = embedded.new_ones(series, tokens, dtype=torch.bool) if keep is None else keep
        mask = torch.cat([at >= 0, kept], 1)
        places = torch.cat([at.clamp(min=0), lengths[:, None] + torch.arange(tokens, device=ids.device)], 1)
        out = language.model(
            inputs_embeds=torch.cat([words.to(embedded.dtype), embedded], 1),
            attention_mask=mask.long(),
            position_ids=places + language.first,
            **_no_cache(language),
        )
        hidden: Tensor = out.last_hidden_state[:, -asked:]
        return hidden

    def _by_length(self, embedded: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        """For models that count positions by themselves: series with prompts of one length at a time."""
        language, tokens = self.language, embedded.shape[1]
        found = embedded.new_empty(embedded.shape)
        for length in lengths.unique().tolist():
            rows = (lengths == length).nonzero()[:, 0]
            words = self.embedded(ids[rows, :length])
            out = language.model(
                inputs_embeds=torch.cat([words.to(embedded.dtype), embedded[rows]], 1), **_no_cache(language)
            )
            found = found.index_copy(0, rows, out.last_hidden_state[:, -tokens:])
        return found

    def check(self, embed: Callable[[Tensor], Tensor], tokens: int, width: int, address: str, *, exact: bool) -> None:
        """One ragged batch after what is known against the full pass: hidden states and gradients.

        Cheap: two series of a few words. It guards against a model whose attention is not what its family's is. Raises
        SettingsError where they differ; `exact` where nothing rounds what it reads.
        """
        words = self.static[:1].expand(2, 5).clone() if self.static.numel() else self.static.new_zeros(2, 5)
        words[0, 2:] = -1
        found = []
        with torch.enable_grad(), torch.random.fork_rng([]):
            values = torch.randn(2, tokens, width)
            embedded = embed(values).detach()
            ask = torch.randn(2, tokens, embedded.shape[2])  # not squares: a normalised output has always the same sum
            for run in (self.after_known, self.as_one):
                given = embedded.clone().requires_grad_()
                hidden = run(given, words)
                (hidden.float() * ask).sum().backward()
                assert given.grad is not None
                found.append((hidden.detach().float(), given.grad.float()))
        tolerance = TOLERANCE if exact else 5e-2
        for what, once, full in zip(("hidden states", "gradients"), *found, strict=True):
            apart = float((once - full).norm() / full.norm())
            if not apart <= tolerance:
                raise SettingsError(
                    Fault(
                        "reuse",
                        f"=true: with the prompt computed once the {what} of {address} are {apart:.1e} away from those"
                        f" of the full pass (relative; wanted {tolerance:.0e}): set reuse=false",
                    )
                )


def _no_cache(language: LanguageModel) -> dict[str, Any]:
    return {"use_cache": False} if language.causal else {}
