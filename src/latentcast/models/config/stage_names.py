"""Names of the stages that can come before forecasting."""

RECONSTRUCT, CODEC, NEXT_CODE = "reconstruct", "codec", "next-code"
