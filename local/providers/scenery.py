"""The land of a stand-in picture, from the horizon to the foreground."""

import math
import random
from collections.abc import Callable, Iterable
from itertools import pairwise

from PIL import Image, ImageDraw

from local.providers.palettes import Color, Land, Palette, blend

Line = list[tuple[float, float]]
_STEP = 6
_WHITE: Color = (255, 255, 255)


def draw_land(picture: Image.Image, land: Land, palette: Palette, chance: random.Random) -> None:
    """Draw over the lower part of the picture."""
    painters: dict[Land, Callable[[Image.Image, Palette, random.Random], None]] = {
        "hills": _hills,
        "forest": _forest,
        "ocean": _ocean,
        "desert": _desert,
        "mountains": _mountains,
        "city": _city,
    }
    painters[land](picture, palette, chance)


def _hills(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    for depth in _depths(5):
        line = _waves(width, height * (0.58 + 0.34 * depth), height * (0.035 + 0.05 * depth), chance)
        _fill(picture, [_down_to(line, height)], *_haze(palette, depth))


def _forest(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    for depth in _depths(5):
        line = _waves(width, height * (0.57 + 0.36 * depth), height * (0.03 + 0.04 * depth), chance)
        size = min(width, height) * (0.03 + 0.13 * depth)
        trees = [
            _conifer(*line[chance.randrange(len(line))], size * chance.uniform(0.6, 1.35))
            for _ in range(round(width / size * 1.7))
        ]
        _fill(picture, [_down_to(line, height), *trees], *_haze(palette, depth))


def _ocean(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    horizon = height * 0.6
    island = _waves(width, horizon, height * 0.012, chance)
    if chance.random() < 0.7:
        left = chance.uniform(0, 0.6) * width
        span = chance.uniform(0.25, 0.5) * width
        island = [(left + x / width * span, y - math.sin(math.pi * x / width) * height * 0.06) for x, y in island]
        _fill(picture, [_down_to(island, horizon)], *_haze(palette, 0.2))
    water = blend(palette.near, palette.sky[1], 0.42)
    sea: Line = [(0, horizon), (width, horizon), (width, height * 0.7), (0, height * 0.7)]
    _fill(picture, [sea], blend(palette.sky[2], water, 0.35), water)
    pen = ImageDraw.Draw(picture, "RGBA")
    for _ in range(260):
        depth = chance.random() ** 1.5
        x, y = chance.uniform(0, width), horizon + depth * height * 0.36
        length = width * (0.006 + 0.05 * depth) * chance.uniform(0.5, 1.6)
        alpha = chance.randint(24, 90)
        pen.line((x, y, x + length, y), (*palette.glow, alpha), max(1, round(height * (0.001 + 0.003 * depth))))
    for depth in (0.25, 0.45, 0.7, 1.0):
        swing = height * 0.007 * (0.5 + depth)
        line = _waves(width, height * (0.61 + 0.31 * depth), swing, chance, roughness=0.5, rate=7 - 3 * depth)
        crest = [(x, y + swing * 0.45) for x, y in line]
        top, bottom = blend(water, palette.near, depth * 0.7), blend(water, palette.near, 0.3 + depth * 0.7)
        _fill(picture, [_down_to(line, height)], blend(palette.glow, top, 0.6), top)
        _fill(picture, [_down_to(crest, height)], top, bottom)


def _desert(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    sand: Color = (232, 176, 112)
    for depth in _depths(4):
        crest = _waves(width, height * (0.6 + 0.3 * depth), height * (0.03 + 0.06 * depth), chance, roughness=0.15)
        far, near = _haze(palette, depth)
        lit = blend(blend(far, sand, 0.55), palette.glow, 0.12)
        _fill(picture, [_down_to(crest, height)], lit, blend(lit, near, 0.35))
        # The lee side: from the crest down along a line that leaves it at every summit.
        shade = [
            (x + (y - crest[0][1]) * 0.2, y + height * 0.2 * depth * max(0.0, math.sin(x / width * 5 + depth * 9)))
            for x, y in crest
        ]
        _fill(picture, [crest + shade[::-1]], blend(lit, near, 0.5), blend(lit, near, 0.28))


def _mountains(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    for depth in (0.0, 0.35, 0.7):
        line = _crags(width, height * (0.5 + 0.3 * depth), height * (0.26 - 0.1 * depth), chance)
        far, near = _haze(palette, depth)
        _fill(picture, [_down_to(line, height)], far, blend(far, palette.sky[2], 0.4))
        snow_line = min(y for _, y in line) + height * (0.1 - 0.04 * depth)
        edge = [(x, max(y, snow_line + height * chance.uniform(-0.016, 0.016))) for x, y in line]
        snow = blend(blend(palette.sky[2], _WHITE, 0.7), near, 0.12 + depth * 0.2)
        _fill(picture, [line + edge[::-1]], snow, blend(snow, far, 0.35))
    for depth in (0.8, 1.0):
        line = _waves(width, height * (0.56 + 0.34 * depth), height * 0.05, chance)
        size = min(width, height) * 0.07 * depth
        trees = [
            _conifer(*chance.choice(line), size * chance.uniform(0.5, 1.2)) for _ in range(round(width / size * 1.2))
        ]
        _fill(picture, [_down_to(line, height), *trees], *_haze(palette, depth))


def _city(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    width, height = picture.size
    lit_share = 0.12 if palette.name in {"day", "dawn", "storm"} else 0.42
    for depth in _depths(4):
        far, near = _haze(palette, depth)
        ground = height * (0.72 + 0.24 * depth)
        unit = width * (0.035 + 0.03 * depth)
        towers: list[Line] = []
        panes: list[tuple[float, float]] = []
        pane = unit * 0.13
        x = -unit * chance.random()
        while x < width:
            breadth = unit * chance.uniform(0.7, 1.7)
            top = ground - height * chance.uniform(0.08, 0.34) * (1.15 - 0.45 * depth)
            towers.append([(x, top), (x + breadth, top), (x + breadth, height), (x, height)])
            if chance.random() < 0.3:
                mast = x + breadth * chance.uniform(0.3, 0.7)
                towers.append(
                    [(mast, top - unit * chance.uniform(0.3, 1.1)), (mast + pane / 3, top), (mast - pane / 3, top)]
                )
            if depth > 0.2:
                columns = int((breadth - pane) / (pane * 2))
                rows = int((ground - top) / (pane * 2.6))
                panes += [
                    (x + pane * (1 + 2 * column), top + pane * (1 + 2.6 * row))
                    for column in range(columns)
                    for row in range(rows)
                    if chance.random() < lit_share
                ]
            x += breadth + unit * chance.uniform(0.0, 0.25)
        _fill(picture, towers, far, blend(near, far, 0.35))
        pen = ImageDraw.Draw(picture, "RGBA")
        glow = blend(palette.glow, palette.lamp, 0.6)
        for left, top in panes:
            pen.rectangle((left, top, left + pane, top + pane * 1.4), (*glow, 90 + round(130 * depth)))


def _depths(layers: int) -> list[float]:
    """From 0, the farthest layer, to 1, the nearest."""
    return [layer / (layers - 1) for layer in range(layers)]


def _haze(palette: Palette, depth: float) -> tuple[Color, Color]:
    """Mix the colors of a layer at its top and at its foot, where mist lies on the far ones."""
    color = blend(palette.far, palette.near, depth)
    return color, blend(blend(color, palette.sky[2], 0.45 * (1 - depth)), palette.near, 0.3 * depth)


def _waves(
    width: int, level: float, swing: float, chance: random.Random, *, roughness: float = 0.25, rate: float = 1.0
) -> Line:
    """Draw a soft line across the picture: three sines, the slowest with about `rate` periods."""
    octaves = [
        (rate * chance.uniform(0.7, 1.4) * 2**octave, chance.uniform(0, math.tau), roughness**octave)
        for octave in range(3)
    ]
    return [
        (
            x,
            level
            - swing * sum(share * math.sin(math.tau * pace * x / width + phase) for pace, phase, share in octaves),
        )
        for x in range(0, width + _STEP, _STEP)
    ]


def _crags(width: int, level: float, swing: float, chance: random.Random) -> Line:
    """Draw a jagged line across the picture, by displacing midpoints."""
    heights = [chance.uniform(-0.2, 0.4) if end % 2 else chance.uniform(-0.6, 0.0) for end in range(5)]
    spread = 0.5
    while len(heights) < width / 5:
        middles = [(a + b) / 2 + chance.uniform(-spread, spread) * 0.6 for a, b in pairwise(heights)]
        heights = [height for pair in zip(heights, middles, strict=False) for height in pair] + heights[-1:]
        spread *= 0.52
    step = width / (len(heights) - 1)
    return [(index * step, level - swing * height) for index, height in enumerate(heights)]


def _conifer(x: float, foot: float, size: float) -> Line:
    """Outline a tree of three tiers standing at (x, foot)."""
    half = size * 0.24
    right = [
        (half * share, size * height)
        for share, height in (
            (0.12, -0.1),
            (0.12, 0.12),
            (1.0, 0.12),
            (0.42, 0.42),
            (0.8, 0.42),
            (0.28, 0.72),
            (0.55, 0.72),
        )
    ]
    return (
        [(x + dx, foot - dy) for dx, dy in right] + [(x, foot - size)] + [(x - dx, foot - dy) for dx, dy in right[::-1]]
    )


def _down_to(line: Line, bottom: float) -> Line:
    return [*line, (line[-1][0], bottom), (line[0][0], bottom)]


def _fill(picture: Image.Image, outlines: Iterable[Line], top_color: Color, bottom_color: Color) -> None:
    """Fill the outlines, smooth at the edges, with a gradient from their highest to their lowest point."""
    outlines = list(outlines)
    width, height = picture.size
    ys = [y for outline in outlines for _, y in outline]
    top, bottom = max(0, math.floor(min(ys))), min(height, math.ceil(max(ys)))
    if bottom <= top:
        return
    mask = Image.new("L", (width * 2, (bottom - top) * 2))
    pen = ImageDraw.Draw(mask)
    for outline in outlines:
        pen.polygon([(x * 2, (y - top) * 2) for x, y in outline], 255)
    shades = Image.new("RGB", (1, 64))
    shades.putdata([blend(top_color, bottom_color, shade / 63) for shade in range(64)])
    picture.paste(shades.resize((width, bottom - top), Image.Resampling.BILINEAR), (0, top), mask.reduce(2))
