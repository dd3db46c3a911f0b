"""The optimisers make torch's own steps, and a training imports no compiler."""

import subprocess
import sys

import pytest
import torch

from latentcast.training.optimizers import OPTIMIZERS


@pytest.mark.parametrize(("name", "own"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_the_same_steps_as_torch(name: str, own: type[torch.optim.Optimizer]) -> None:
    found = []
    for kind in (own, OPTIMIZERS[name]):
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        optimizer = kind(layer.parameters(), lr=0.1, weight_decay=0.01, fused=True)
        for step in range(6):
            optimizer.zero_grad()
            layer(torch.full((4, 3), step + 1.0)).square().mean().backward()
            optimizer.step()
            if step == 2:  # as a resumed training does
                state = optimizer.state_dict()
                optimizer = kind(layer.parameters(), lr=0.3, fused=True)
                optimizer.load_state_dict(state)
        found.append(torch.cat([part.detach().flatten() for part in layer.parameters()]))
        assert layer.weight.requires_grad
    assert torch.equal(*found)


@pytest.mark.slow
def test_a_training_imports_no_compiler() -> None:
    code = """
import sys, numpy as np, pandas as pd, latentcast
frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=200), "y": np.sin(np.arange(200.0))})
latentcast.fit(frame, "dlinear", lookback=14, horizon=2, settings={"training.max_steps": 3}).predict(frame)
assert "torch._dynamo" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
