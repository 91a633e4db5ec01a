"""What plugin authors import.

A demo is declared with `Demo`, `Paper`, `Published` and `hookimpl`; what can be called of its
service with `endpoint`, whose parameters and result are kinds of `hub.kinds` and `hub.media`.
"""

from hub.demo import Demo, Paper, Published
from hub.endpoints import Progress, endpoint
from hub.errors import HubError, InputError
from hub.hookspecs import hookimpl
from hub.kinds import Json, Length, Range
from hub.media import (
    File,
    Files,
    Image,
    Images,
    Picture,
    Recording,
    Sound,
    Table,
    Upload,
    WholeImage,
    WholeSound,
)

__all__ = [
    "Demo",
    "File",
    "Files",
    "HubError",
    "Image",
    "Images",
    "InputError",
    "Json",
    "Length",
    "Paper",
    "Picture",
    "Progress",
    "Published",
    "Range",
    "Recording",
    "Sound",
    "Table",
    "Upload",
    "WholeImage",
    "WholeSound",
    "endpoint",
    "hookimpl",
]
__version__ = "0.1.0"
