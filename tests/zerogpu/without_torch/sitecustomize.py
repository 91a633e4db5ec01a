"""Hide torch from a process, as where it is not installed: `spaces` then moves no tensors."""

import sys

sys.modules["torch"] = None
