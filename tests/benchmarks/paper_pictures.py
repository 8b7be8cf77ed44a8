"""Take the README's pictures of the experiment: the central figure of each report.

    make paper && .venv/bin/python tests/benchmarks/paper_pictures.py [--paper var/paper]

Made smaller, and written to `tests/pictures/`. Each keeps the mark of its run, and the
stamp of simulated participants where it has one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "pictures"
WIDTH = 1240
STEP = 8
MOST_BYTES = 300_000
PICTURES = {
    "demo": "paper_everyday_simulated.png",
    "bridge-verbs-2": "paper_bridge_verbs_class2.png",
    "bridge-verbs-6": "paper_bridge_verbs_class6.png",
}


def shrink(figure: Path, out: Path) -> None:
    """As wide as a page of GitHub, each colour to steps of `STEP`: greys stay grey."""
    with Image.open(figure) as given:
        height = round(given.height * WIDTH / given.width)
        small = given.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.point(lambda level: min(255, round(level / STEP) * STEP)).save(
        out, optimize=True
    )


def main() -> int:
    """Shrink each figure; 1 if one is not there or stays too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paper", type=Path, default=ROOT / "var" / "paper")
    paper = parser.parse_args().paper
    failed = False
    for run, name in PICTURES.items():
        figure = paper / run / "figures" / "central.png"
        if not (paper / run / "manifest.json").is_file() or not figure.is_file():
            print(
                f"{figure}: not there, or of an unfinished run; `make paper` makes it"
            )
            failed = True
            continue
        shrink(figure, OUT / name)
        size = (OUT / name).stat().st_size
        print(f"{name}: {size / 1000:.0f} KB")
        failed |= size > MOST_BYTES
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
