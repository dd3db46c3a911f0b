"""Pretrained models of other packages behind one protocol. A new one is a file and rows in `WEIGHTS` and `MODELS`."""
