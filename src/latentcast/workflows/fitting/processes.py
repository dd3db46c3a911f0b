"""The rank of this training process."""

import os


def is_first_process() -> bool:
    """False in the processes that a strategy such as ddp starts beside the first: they train, and write nothing."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0
