"""Make the pictures of the documentation from the demonstration (simulated data only).

Run as ``python docs/images/make_images.py`` where gjax is installed. The pictures are made smaller and reduced to 64
colours.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

NAMES = ("sed", "corner")
WIDTH = 900
COLOURS = 64

with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-c", "import sys; from gjax.cli import main; sys.exit(main())", "demo", "--out", folder]
    subprocess.run(command, check=True)
    for name in NAMES:
        picture = Image.open(Path(folder) / f"{name}.png").convert("RGB")
        size = (WIDTH, round(WIDTH * picture.height / picture.width))
        small = picture.resize(size, Image.Resampling.LANCZOS).quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(Path(__file__).with_name(f"{name}.png"), optimize=True)
