"""A frozen language model as backbone (Time-LLM, Jin et al. 2024): it reads a prompt, then reprogrammed tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentcast.core.errors import CheckpointError, Fault, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.protocols import LeavesViews, Prompter, Representation
from latentcast.core.types import Task, Tokens
from latentcast.layers.dynamic_prompt import DynamicPrompt, Made
from latentcast.layers.reprogramming import Reprogramming, TextPrototypes
from latentcast.layers.view_fusion import Fuse
from latentcast.models.backbones import language_model, prefix_attention
from latentcast.models.backbones.frozen_llm_findings import BeforePatches, attention_to_prototypes, prompt_read
from latentcast.models.backbones.frozen_llm_settings import FrozenLLMSettings
from latentcast.models.backbones.language_model import LanguageModel
from latentcast.models.backbones.prompt import PromptWriter, shortened, static_text, static_words
from latentcast.models.backbones.prompt_reader import Reader
from latentcast.models.backbones.published_prompt import PublishedPromptWriter, published_static
from latentcast.models.backbones.short_prompt import ShortPromptWriter, short_static
from latentcast.models.backbones.task_vocabulary import adaptive_count, known_words, mixtures


@dataclass(frozen=True)
class Cache:
    """What `extend` has read, and its inputs."""

    known: prefix_attention.Known


class FrozenLLM(nn.Module):
    """Reprogram tokens of any representation, run them behind a prompt through the frozen model, and return its first
    features.

    Only the prototypes, the attention over them and adapters (if any) are trained and saved.

    Raises SettingsError when the model cannot be loaded, or when prompt and tokens exceed its context.
    """

    Settings = FrozenLLMSettings
    llm: Tensor  # fingerprint of the weights

    def __init__(self, settings: FrozenLLMSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        s = self.settings = settings
        language = language_model.load(s.llm, _loading(s))
        tokens = representation.num_tokens(task.lookback) + representation.query_tokens
        made = s.dynamic + s.local_statistics
        told = shortened(task, partial(self._fits, representation, language, tokens + made)) if s.prompt else task
        self.cut = task.description if told is not task else None
        self.static_text, ids = self._static(told, representation, language)
        self.reader = Reader(language, ids, s.cache, folder=s.cache_folder, coarse=s.prompt_dtype)
        self.width = s.width
        if s.width > language.width:
            raise SettingsError(
                Fault("width", f"={s.width}: {s.llm} has {language.width} features; set at most as many")
            )
        self.prototypes = self._prototypes(task)
        head_width = s.head_width or s.width
        self.fuse = _fuse(representation, language.width)
        views = 1 if self.fuse is None else len(self.fuse.names)
        self.reprogram = Reprogramming(representation.width // views, language.width, s.heads, head_width, s.dropout)
        self.inner_width = language.width
        adapters = [p for p in language.model.parameters() if p.requires_grad]
        self.adapters = nn.ParameterList(adapters) if adapters else None
        self.register_buffer("llm", self._fingerprint())
        self.dynamic = self._dynamic(task, representation)
        self.leading = 0 if self.dynamic is None else self.dynamic.count  # tokens before those of the representation
        self.prompter = self._prompter(task, representation, tokens + self.leading)
        self.plain = self._why_plain()
        if self.plain is None and s.check and not self._meta:
            exact = (language.dtype, s.prompt_dtype) == (
                torch.float32,
                "same",
            ) and s.quantise != "int8"  # int8 rounds inputs
            self.reader.check(self.embed, min(tokens, 3), representation.width, s.llm, exact=exact)
        self.notes = self._notes()

    def _static(self, task: Task, representation: Representation, language: LanguageModel) -> tuple[str, list[int]]:
        """Return the text and token ids that every prompt begins with. Raises SettingsError for a wording that does
        not fit."""
        s = self.settings
        if not s.prompt:
            return "", []
        if s.prompt_wording in ("rounded", "short"):
            text = static_text(task) if s.statistics else static_text(task, None)
            if s.statistics and s.prompt_wording == "short":
                text = short_static(task, s.lags, s.digits, s.units)
            return text, static_words(language.tokenizer, text)
        if not s.statistics or not representation.folds_channels:
            raise SettingsError(
                Fault(
                    "prompt_wording",
                    f"={s.prompt_wording}: it gives the statistics of one channel; set statistics=true and a"
                    " representation of single channels, or prompt_wording=rounded",
                )
            )
        return published_static(language.tokenizer, task, s.prompt_wording, s.lags)

    def _notes(self) -> tuple[str, ...]:
        s = self.settings
        plain = [] if self.plain is None or not s.prompt else [f"the prompt is read anew in every step: {self.plain}"]
        drawn = f"random weights of the shape of {s.llm}, from llm_seed {s.llm_seed}: it has learned nothing from text"
        cut = "prompt_overflow=truncate: the description lost its last words, to fit into the language model's context"
        return (*plain, *([drawn] if s.random else []), *([cut] if self.cut is not None else []))

    @property
    def language(self) -> LanguageModel:
        return self.reader.language

    @property
    def static(self) -> Int[Tensor, "words"]:
        """Number of prompt tokens shared by all windows."""
        return self.reader.static

    def _prototypes(self, task: Task) -> TextPrototypes:
        s, language = self.settings, self.language
        count = s.num_prototypes
        if count == "adaptive":
            count = adaptive_count(task.lookback, task.horizon, task.channels, s.prototype_base)
        if s.prototype_start == "vocabulary":
            return TextPrototypes(language.words, count, s.prototypes)
        pieces = known_words(language.tokenizer, len(language.words), s.anchors)
        begun = None if self._meta else mixtures(s.prototype_start, pieces, count, language.words)
        return TextPrototypes(language.words, count, s.prototypes, begun)

    def _dynamic(self, task: Task, representation: Representation) -> DynamicPrompt | None:
        """Build dynamic prompt tokens. Raises SettingsError where their inputs are missing."""
        s = self.settings
        if s.join == "fuse" and not (s.dynamic and s.prompt):
            raise SettingsError(
                Fault("join", "=fuse: dynamic tokens and a text are wanted; set dynamic=32 and prompt=true")
            )
        if not (s.dynamic or s.local_statistics):
            return None
        words = self.language.words
        return DynamicPrompt(
            task.lookback,
            1 if representation.folds_channels else task.channels,
            words.shape[1],
            Made(s.dynamic, s.local_statistics, s.join == "fuse", s.segments, s.dynamic_norm, s.dynamic_gate),
            size=1.0 if self._meta else float(words.float().std()),
        )

    @property
    def frozen_parameters(self) -> int:
        return sum(p.numel() for p in self.language.model.parameters() if not p.requires_grad)

    @property
    def _meta(self) -> bool:
        return self.language.words.is_meta

    def _fingerprint(self) -> Tensor:
        return torch.zeros(4) if self._meta else language_model.fingerprint(self.language)

    def _prompter(self, task: Task, representation: Representation, tokens: int) -> Prompter | None:
        """Raises SettingsError when the longest prompt and the tokens exceed the context."""
        s, context, static = self.settings, self.language.context, self.static.numel()
        writer = self._writer(representation, self.language, self.static.tolist(), tokens)
        own = writer.longest(task) if s.prompt and s.statistics else 0
        if own > writer.room:
            raise SettingsError(
                f"a prompt of {static} + up to {own} words and {tokens} tokens make {static + own + tokens}, and"
                f" {s.llm} reads at most {context}: shorten the description (data.description), or set"
                " statistics=false, prompt_overflow=truncate, or fewer tokens"
            )
        return writer if own else None

    def _writer(
        self, representation: Representation, language: LanguageModel, static: list[int], tokens: int, text: str = ""
    ) -> PromptWriter:
        """Build the writer of prompts after the static part, in the context that `tokens` leave."""
        s, context, folds = self.settings, language.context, representation.folds_channels
        room = 2**31 if context is None else context - len(static) - tokens
        how: dict[str, Any] = {"units": s.units, "lags": s.lags, "room": room, "cut": s.prompt_overflow == "truncate"}
        if s.prompt_wording in ("rounded", "short"):
            kind = PromptWriter if s.prompt_wording == "rounded" else ShortPromptWriter
            return kind(language.tokenizer, folds=folds, digits=s.digits, **how)
        return PublishedPromptWriter(language.tokenizer, text or self.static_text, static, **how)

    def _fits(self, representation: Representation, language: LanguageModel, tokens: int, task: Task) -> bool:
        """Check that prompts fit; cut them only with prompt_overflow=truncate."""
        if self.settings.prompt_overflow == "error":
            return True
        text, static = self._static(task, representation, language)
        writer = self._writer(representation, language, static, tokens, text)
        return (writer.longest(task) if self.settings.statistics else 0) <= writer.room

    @property
    def compiled_parts(self) -> tuple[nn.Module, ...]:
        """Return the trainable parts outside the frozen layers."""
        return tuple(part for part in (self.prototypes, self.reprogram, self.fuse, self.dynamic) if part is not None)

    @property
    def text_is_fused(self) -> bool:
        return self.dynamic is not None and self.dynamic.fuses

    def _why_plain(self) -> str | None:
        s = self.settings
        if not s.prompt:
            return "there is none"
        if not s.reuse:
            return "reuse=false"
        if s.device_map != "none":
            return "its layers lie on several devices"
        if not self.language.causal:
            return f"{self.language.family} is not among the causal models that it is computed once for"
        if self.text_is_fused:
            return "dynamic tokens take from it by attention"
        return "its adapters are trained, and with them the prompt changes" if s.lora else None

    def facts(self, task: Task) -> dict[str, Any]:
        language, s = self.language, self.settings
        size = sum(p.numel() * p.element_size() for p in language.model.parameters())
        own = self.prompter.longest(task) if isinstance(self.prompter, PromptWriter) else 0
        made = f"{self.leading} tokens that the window makes" if self.leading else ""
        prompt = {"prompt": made or "none"}
        if s.prompt:
            words = f"{self.static.numel()} words for all windows, up to {own} of each"
            how = "computed once" if self.plain is None else f"in every step: {self.plain}"
            prompt = {"prompt": f"{words}, {made}" if made else words, "prompt's keys and values": how}
        return {
            "language model": f"{s.llm}{f' at {s.revision}' if s.revision else ''} ({language.family})"
            + (", random weights" if s.random else ""),
            "its layers": f"{language.layers} of {language.stored}",
            "its width": language.width,
            "its frozen weights": f"{self.frozen_parameters:,} in {size / 2**20:.0f} MiB",
            **prompt,
        }

    def _apply(self, fn: Any, recurse: bool = True) -> "FrozenLLM":
        """Move the model with its trained part; frozen weights keep their dtype."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if not self._meta:
            self.reader.to(fn(torch.empty(0)).device)
        return self

    def _load_from_state_dict(self, state: dict[str, Any], before: str, *rest: Any) -> None:
        saved = state.get(f"{before}llm")
        if saved is not None and not self._meta and (saved.cpu() - self.llm.cpu()).abs().max() > 0.5:
            raise CheckpointError(
                f"the language model at {self.settings.llm} is not the one that these weights were trained with: name"
                " its revision (model.backbone.revision), or restore the folder"
            )
        super()._load_from_state_dict(state, before, *rest)

    def forward(self, tokens: Tokens, between: Callable[[Tokens], Tokens] | None = None) -> Tokens:
        """Run the backbone; mixers `between` work on the embedded tokens in float32."""
        whole = tokens.sequence()
        embedded = self.embed(whole.values)
        if between is not None:
            mixed = between(Tokens(embedded.float(), whole.keep))
            embedded = mixed.values.to(embedded.dtype)
            tokens = tokens if mixed.penalty is None else tokens.penalised(mixed.penalty)
        own = self._own(tokens.prompt, len(embedded))
        led = self._led(tokens.window, own) if self.leading else None
        if self.plain:  # a fused text is already contained in the tokens that replace it
            hidden = self.reader.as_one(embedded, own, whole.keep, led, told=not self.text_is_fused)
        else:
            hidden = self.reader.after_known(embedded, own, whole.keep, led)
        return tokens.answered(hidden[..., : self.width].float())

    def _led(self, window: Tensor | None, own: Int[Tensor, "series words"]) -> Float[Tensor, "series leading llm"]:
        """Compute the dynamic prompt tokens of a window."""
        assert self.dynamic is not None
        if window is None:
            raise SettingsError("dynamic tokens are made of the window itself, and these tokens come without it")
        if not self.dynamic.fuses:
            return self.dynamic(window).to(self.language.dtype)
        ids = self.reader.words(own)
        words = self.reader.embedded(ids).to(window.dtype)
        return self.dynamic(window, words, ids >= 0).to(self.language.dtype)

    def embed(self, values: Float[Tensor, "series tokens width"]) -> Float[Tensor, "series tokens llm"]:
        """Reprogram tokens; views of a patch are reprogrammed separately and then fused."""
        prototypes = self.prototypes(self.language.words)
        if self.fuse is None:
            return self.reprogram(values, prototypes).to(self.language.dtype)
        views = values.chunk(len(self.fuse.names), -1)
        return self.fuse(tuple(self.reprogram(view, prototypes) for view in views)).to(self.language.dtype)

    def _own(self, prompt: Tensor | None, series: int) -> Int[Tensor, "series words"]:
        if prompt is None:
            if self.prompter is not None:
                raise SettingsError(
                    "the batch holds no prompts: batches of a model with a language model are made with its prompter"
                    " (make_windows(…, prompter=network.prompter), or network.prompted(batch))"
                )
            return self.static.new_zeros(series, 0)
        return prompt

    def over_prototypes(self, tokens: Tokens) -> Float[Tensor, "series heads tokens prototypes"]:
        """Return the attention of each token to each prototype; for several views the finest."""
        values = tokens.sequence().values
        finest = values if self.fuse is None else values.chunk(len(self.fuse.names), -1)[0]
        return self.reprogram.weights(finest, self.prototypes(self.language.words))

    def findings(self, shown: WindowLabels, tokens: Tokens) -> tuple[Finding, ...]:
        """Report the prompt and the attention of patches to prototypes."""
        taken = attention_to_prototypes(shown, self.over_prototypes(tokens), self.nearest_words(3))
        if not self.static_text:
            return (taken,)
        before = BeforePatches(self.static_text, self.static.numel(), self.leading)
        return prompt_read(shown, tokens.prompt, before, self.settings, self.language), taken

    def nearest_words(self, count: int) -> tuple[tuple[str, ...], ...]:
        """Return the words with the highest cosine similarity to each prototype, nearest first."""
        with torch.no_grad():
            table = nn.functional.normalize(self.language.words.float(), dim=1)
            found = (self.prototypes(self.language.words) @ table.T).topk(count, dim=1).indices.tolist()
        decode = self.language.tokenizer.decode
        return tuple(tuple(decode([word]).strip() for word in row) for row in found)

    def extend(
        self,
        values: Float[Tensor, "series new width"],
        cache: Cache | None = None,
        prompt: Int[Tensor, "series words"] | None = None,
    ) -> tuple[Float[Tensor, "series new features"], Cache]:
        """Run tokens after those in the cache; return the outputs and the extended cache.

        Without a cache the prompt is read first: its static part and, if given, one `prompt` per series, all of equal
        length. A cache is immutable: it can be extended twice. Raises SettingsError for models that are not causal.
        """
        language = self.language
        if not language.causal:
            raise SettingsError(
                Fault("llm", f"={self.settings.llm}: {language.family} cannot go on step by step, not being causal")
            )
        if self.leading:
            raise SettingsError("a sequence cannot be extended behind tokens that a window makes: set dynamic=0")
        if cache is None:
            own = self.static.new_zeros(len(values), 0) if prompt is None else prompt
            if (own < 0).any():
                raise SettingsError("prompts of one length are wanted where a sequence is to be extended")
            known = self.reader.known(own)
            cache = Cache(prefix_attention.Known(known.static, known.own))
        taken: list[tuple[Tensor, Tensor]] = []
        hidden = prefix_attention.read(language.model, self.embed(values), prefix_attention.Reading(cache.known, taken))
        assert hidden is not None
        return hidden[..., : self.width].float(), Cache(cache.known.followed_by(tuple(taken)))


def _loading(s: FrozenLLMSettings) -> language_model.Loading:
    """Raises SettingsError where words cannot be read in another precision than the weights have."""
    if s.prompt_dtype != "same" and (s.quantise != "none" or s.dtype != "fp32"):
        why = f"is for weights in float32, and these are {s.dtype}, {s.quantise}; set same"
        raise SettingsError(Fault("prompt_dtype", f"={s.prompt_dtype}: {why}"))
    return language_model.Loading(
        s.revision, s.llm_layers, s.dtype, s.quantise, s.random, s.llm_seed, s.lora, s.checkpointing, s.device_map,
        s.packed,
    )  # fmt: skip


def _fuse(representation: Representation, width: int) -> Fuse | None:
    """Build the fusion of the views of a patch, for representations that leave them unfused."""
    views = representation.unfused if isinstance(representation, LeavesViews) else None
    return None if views is None else Fuse(views.kind, len(views.names), width, views.heads, views.names)


__all__ = ["Cache", "FrozenLLM", "FrozenLLMSettings"]
