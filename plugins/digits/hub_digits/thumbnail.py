"""Make thumbnail.png, the card's picture: a plane through the latent space between four digits.

    python -m hub_digits.thumbnail

Run it after a new checkpoint is bundled; it draws with that one, on the CPU.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from hub.checkpoints import Folders
from hub_digits.service import Digits, between, pictures

CORNERS = (2, 7, 6, 8)  # digits: upper left and right, lower left and right
COLORS = ((87, 201, 189), (240, 169, 98), (122, 162, 255), (240, 122, 154))  # of the same corners
GROUND = (14, 17, 21)
COLUMNS, ROWS, SCALE = 8, 6, 5
EDGE = 2  # pixels of each side of a digit that are empty, and left away
CELL = (28 - 2 * EDGE) * SCALE
PATH = Path(__file__).with_name("thumbnail.png")


def plane(digits: Digits) -> np.ndarray:
    """Return the digits between the four corners, (rows, columns, 28, 28) uint8.

    A corner is the top group's code of the most typical test digit of its kind.
    """
    torch = digits.torch
    codes, labels = digits.tables["map.codes"].float(), digits.tables["map.labels"]
    corners = [typical(codes[labels == digit]) for digit in CORNERS]
    across, down = torch.linspace(0, 1, COLUMNS), torch.linspace(0, 1, ROWS)
    top, bottom = between(corners[0], corners[1], across), between(corners[2], corners[3], across)
    columns = [between(a, b, down) for a, b in zip(top, bottom, strict=True)]
    code = torch.stack(columns, dim=1).flatten(0, 1)
    with torch.inference_mode():
        return pictures(digits.binary.decode([code], temperature=0.0)).reshape(
            ROWS, COLUMNS, 28, 28
        )


def typical(codes: Tensor) -> Tensor:
    """Return the one of `codes`, (count, dimensions), that is nearest to their mean."""
    return codes[(codes - codes.mean(dim=0)).square().sum(dim=1).argmin()]


def color_at(row: int, column: int) -> np.ndarray:
    """Return the corners' colours mixed for a cell, (3,), 0 to 255."""
    x, y = column / (COLUMNS - 1), row / (ROWS - 1)
    parts = np.array([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    return parts @ np.array(COLORS)


def paint(digits: np.ndarray) -> Image.Image:
    """Return digits, (rows, columns, 28, 28) uint8, as one coloured picture, 960x720."""
    canvas = np.full((ROWS * CELL, COLUMNS * CELL, 3), GROUND, float)
    for row in range(ROWS):
        for column in range(COLUMNS):
            digit = digits[row, column, EDGE:-EDGE, EDGE:-EDGE] / 255
            ink = np.kron(digit, np.ones((SCALE, SCALE)))[..., None]
            place = canvas[row * CELL :, column * CELL :][:CELL, :CELL]
            place[:] = (1 - ink) * place + ink * color_at(row, column)
    return Image.fromarray(canvas.round().astype(np.uint8))


def main() -> None:
    digits = Digits(Folders.standard().find("digits"), "cpu")
    picture = paint(plane(digits)).quantize(128, dither=Image.Dither.NONE)
    picture.save(PATH, optimize=True)
    print(f"{PATH.name}: {picture.size[0]}x{picture.size[1]}, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
