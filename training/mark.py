# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Helps a person to mark what is nearer and what is farther in a photograph.

    mark.py INGREDIENTS candidates SOURCE … -o SHEET.png      numbered points to look at
    mark.py INGREDIENTS keep SOURCE "3 8/4 11 12/27"           groups of points, nearest first → pairs.json
    mark.py INGREDIENTS show SOURCE … -o SHEET.png            what is marked, 1 = nearest group

A group holds points whose order among each other is not clear; each point is clearly nearer than every point of
the groups behind it. Leave out points near an edge, on glass or in a reflection.
"""
import argparse
import json
from itertools import combinations, product
from pathlib import Path

import cv2
import numpy as np

from ingredients import picture

FILE = Path(__file__).with_name("pairs.json")
ROWS, COLUMNS = 6, 7


def marked() -> dict[str, list[list[list[float]]]]:
    """Source → groups, nearest first → points [x, y] as shares of width and height."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def pairs(groups: list[list[list[float]]]) -> list[tuple[list[float], list[float]]]:
    """(nearer point, farther point) for points of different groups."""
    return [pair for near, far in combinations(groups, 2) for pair in product(near, far)]


def candidates(source: str) -> list[list[float]]:
    """The same points each time: a grid, moved at random."""
    random = np.random.default_rng(list(source.encode()))
    cells = product(range(ROWS), range(COLUMNS))
    return [
        [round(float((column + random.uniform(0.2, 0.8)) / COLUMNS), 3), round(float((row + random.uniform(0.2, 0.8)) / ROWS), 3)]
        for row, column in cells
    ]


def draw(rgb: np.ndarray, labelled: list[tuple[str, list[float]]], title: str) -> np.ndarray:
    """A picture of 800x600 (squashed) with points and their labels."""
    sheet = cv2.resize(rgb[:, :, ::-1], (800, 600), interpolation=cv2.INTER_AREA)
    for label, (x, y) in [*labelled, (title, (0.005, 0.025))]:
        at = int(x * 800), int(y * 600)
        for colour, thick in (((0, 0, 0), 3), ((0, 255, 255), 1)):
            if label != title:
                cv2.circle(sheet, at, 3, colour, thick)
            cv2.putText(sheet, label, (at[0] + 5, at[1] + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thick, cv2.LINE_AA)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ingredients", type=Path)
    parser.add_argument("action", choices=("candidates", "keep", "show"))
    parser.add_argument("sources", nargs="+")
    parser.add_argument("-o", "--output", type=Path, default="sheet.png")
    given = parser.parse_args()
    if given.action == "keep":
        source, text = given.sources
        points = candidates(source)
        groups = [[points[int(number)] for number in group.split()] for group in text.split("/")]
        found = marked() | {source: groups}
        lines = (f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"{source}: {len(pairs(groups))} pairs; {sum(len(pairs(g)) for g in found.values())} in {len(found)} pictures")
        return
    tiles = []
    for source in given.sources:
        if given.action == "candidates":
            labelled = [(str(number), point) for number, point in enumerate(candidates(source))]
        else:
            labelled = [(str(n), point) for n, group in enumerate(marked()[source], 1) for point in group]
        tiles.append(draw(picture(given.ingredients, source), labelled, source))
    if len(tiles) > 1 and len(tiles) % 2:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)]
    cv2.imwrite(str(given.output), np.vstack(rows))


if __name__ == "__main__":
    main()
