"""Draw thumbnail.png, the picture on the demo's card, from what its model gives.

python -m hub_example.thumbnail checkpoints/example
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from hub_example.service import Example

ROWS, COLUMNS = 3, 4


def sheet(pictures: np.ndarray) -> Image.Image:
    """Return pictures, (12, 8, 8) uint8, side by side, with a dark line around each."""
    framed = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    grid = framed.reshape(ROWS, COLUMNS, 10, 10).transpose(0, 2, 1, 3).reshape(10 * ROWS, -1)
    return Image.fromarray(grid).resize((960, 720), Image.Resampling.NEAREST)


if __name__ == "__main__":
    service = Example(Path(sys.argv[1]), "cpu")
    with service.torch.inference_mode():
        pictures = service.draw(ROWS * COLUMNS)
    sheet(pictures).save(Path(__file__).with_name("thumbnail.png"))
