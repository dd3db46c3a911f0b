#!/usr/bin/env bash
# neuralforecast 3.3.0, transformers 5.23.0, torch 2.13.0 (CPU), Python 3.11
#
# TimeLLM documents `llm_num_hidden_layers` as "hidden layers in LLM". A reader expects the language model to be cut to so
# many layers, as in the published Time-LLM, where it decides what a step costs. The argument is stored and never used:
# the model is loaded with all layers that its folder has.
#
# Seen: a folder of a GPT-2 with 4 layers, llm_num_hidden_layers=2: the loaded model has 4, and no warning speaks of it.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet torch==2.13.0 transformers==5.23.0 neuralforecast==3.3.0
cat > "$folder/seen.py" <<'PYTHON'
import sys
import warnings

from tokenizers import ByteLevelBPETokenizer
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

folder = sys.argv[1]
words = ByteLevelBPETokenizer()
words.train_from_iterator(["the mean and the trend of a series"], vocab_size=300, special_tokens=["<|endoftext|>"])
PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)
GPT2Model(GPT2Config(vocab_size=300, n_layer=4, n_head=2, n_embd=16, n_positions=256)).save_pretrained(folder)

from neuralforecast.models import TimeLLM  # noqa: E402

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    model = TimeLLM(h=4, input_size=32, llm=folder, d_llm=16, llm_num_hidden_layers=2)
print(f"asked for {model.llm_num_hidden_layers} layers, loaded {len(model.llm.h)}")
assert (model.llm_num_hidden_layers, len(model.llm.h)) == (2, 4)
assert not [one for one in said if "layers" in str(one.message)]
PYTHON
"$folder/env/bin/python" -W ignore "$folder/seen.py" "$folder/gpt2"
echo "as described"
