"""Tiny language models in folders: built from configurations, with a tokenizer trained on the spot."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

TEXTS = [
    "<|start_prompt|>Dataset description: hourly load of a power transformer. Task description: forecast the next 24"
    " steps given the previous 96 steps information; Input statistics: min value -0.123, max value 4.56, median value"
    " 0.789, the trend of input is upward, top 5 lags are : 24, 48, 72, 12, 36<|end_prompt|>",
    "the trend is downward, prices rise and fall, 0 1 2 3 4 5 6 7 8 9",
]
SHAPE: dict[str, Any] = {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 4, "intermediate_size": 64}
ROTARY = {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 256}
_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _config(family: str, **over: Any) -> Any:
    import transformers as t

    over = {"bos_token_id": 0, "eos_token_id": 0, **over}
    if family == "gpt2":
        # 256 positions; dropout as GPT-2 has it: it must not matter
        return t.GPT2Config(**{"n_embd": 48, "n_head": 4, "n_layer": 4, "n_positions": 256, **over})
    if family == "llama":
        return t.LlamaConfig(**{**ROTARY, **over})
    if family == "mistral":
        return t.MistralConfig(**{**ROTARY, "sliding_window": 4096, **over})
    if family == "qwen2":
        return t.Qwen2Config(**{**ROTARY, **over})
    if family == "qwen3":
        return t.Qwen3Config(**{**ROTARY, "head_dim": 12, **over})
    if family == "bert":
        return t.BertConfig(**{**SHAPE, "max_position_embeddings": 256, **over})
    if family == "roberta":
        return t.RobertaConfig(**{**SHAPE, "max_position_embeddings": 256, "pad_token_id": 1, **over})
    if family == "t5":
        return t.T5Config(d_model=48, d_ff=64, num_layers=2, num_heads=4, d_kv=12, decoder_start_token_id=0, **over)
    raise ValueError(family)


def tokenizer(words: int = 400) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=words, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", pad_token="<|endoftext|>")


@cache
def folder(family: str, seed: int = 0, large: float = 0.2, **over: Any) -> str:
    """The folder of a tiny model; its weights are larger than at a usual start, so that attention is not even."""
    import transformers as t

    kept = tempfile.TemporaryDirectory(prefix=f"latentcast-{family}-")
    _KEPT.append(kept)
    words = tokenizer()
    kind = t.AutoModel
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        started = {} if family == "t5" else {"initializer_range": large}
        model = kind.from_config(_config(family, vocab_size=len(words), **started, **over))
    model.save_pretrained(kept.name)
    words.save_pretrained(Path(kept.name))
    return kept.name
