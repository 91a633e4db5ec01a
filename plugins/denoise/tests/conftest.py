"""The plugin is not whole yet and so not installed: its tests find its package here, and run where
what it will ask for is there."""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PACKAGES = ("bm3d", "noisereduce", "pesq", "pystoi", "pywt", "skimage")
if not all(find_spec(name) for name in PACKAGES):
    collect_ignore_glob = ["test_*.py"]
