"""Which light and which land a prompt asks for, by its words."""

import random
import re
from dataclasses import dataclass
from typing import Literal

Color = tuple[int, int, int]
Land = Literal["hills", "forest", "ocean", "desert", "mountains", "city"]


@dataclass(frozen=True, slots=True)
class Palette:
    """`sky` runs from the top to the horizon; the land goes from `far` to `near`; `lamp` is the sun or the moon."""

    name: str
    sky: tuple[Color, Color, Color]
    far: Color
    near: Color
    lamp: Color
    glow: Color
    stars: int
    lamp_height: tuple[float, float]
    """Where the lamp stands, as shares of the picture's height from the top."""


DAY = Palette(
    "day",
    ((62, 124, 196), (130, 186, 230), (232, 240, 238)),
    (150, 180, 196),
    (36, 84, 74),
    (255, 250, 224),
    (255, 244, 200),
    0,
    (0.14, 0.3),
)
DAWN = Palette(
    "dawn",
    ((74, 96, 158), (202, 146, 178), (255, 214, 176)),
    (170, 150, 184),
    (58, 56, 96),
    (255, 240, 214),
    (255, 206, 170),
    12,
    (0.36, 0.5),
)
SUNSET = Palette(
    "sunset",
    ((48, 28, 84), (196, 70, 92), (255, 178, 86)),
    (164, 84, 104),
    (38, 20, 54),
    (255, 232, 168),
    (255, 150, 70),
    30,
    (0.4, 0.54),
)
NIGHT = Palette(
    "night",
    ((5, 8, 28), (16, 28, 70), (52, 72, 120)),
    (44, 60, 104),
    (7, 11, 28),
    (240, 240, 222),
    (110, 140, 210),
    260,
    (0.12, 0.28),
)
STORM = Palette(
    "storm",
    ((38, 44, 56), (82, 92, 106), (158, 164, 164)),
    (108, 118, 126),
    (28, 36, 42),
    (206, 210, 206),
    (190, 198, 200),
    0,
    (0.16, 0.28),
)
NEON = Palette(
    "neon",
    ((16, 6, 44), (86, 18, 116), (248, 84, 158)),
    (98, 40, 140),
    (10, 8, 34),
    (255, 214, 110),
    (255, 60, 160),
    120,
    (0.3, 0.42),
)

_LIGHTS: tuple[tuple[Palette, str], ...] = (
    (NEON, "neon cyber cyberpunk synthwave vaporwave futuristic robot robots hologram arcade"),
    (SUNSET, "sunset dusk evening golden autumn fire lava dragon amber warm"),
    (DAWN, "dawn sunrise morning spring pastel blossom dream dreamy misty mist fog"),
    (NIGHT, "night midnight moon moonlit star stars starry space galaxy cosmic dark aurora owl"),
    (STORM, "storm stormy rain rainy thunder winter gloomy grey gray noir cloudy"),
    (DAY, "day daylight noon summer sunny bright clear"),
)
_LANDS: tuple[tuple[Land, str], ...] = (
    ("forest", "forest jungle tree trees woods woodland pine fox deer wolf garden"),
    ("ocean", "ocean sea beach wave waves island ship boat lake river water coast whale harbor harbour lighthouse"),
    ("desert", "desert dune dunes sand sahara camel pyramid mars canyon"),
    ("mountains", "mountain mountains snow snowy ice alps peak peaks glacier winter castle dragon"),
    ("city", "city street town skyline tower towers urban building buildings neon tokyo cyberpunk robot robots car"),
    ("hills", "hill hills meadow field fields valley farm village countryside"),
)


def palette_for(prompt: str, chance: random.Random) -> Palette:
    """Choose the light that the earliest word names; otherwise one by chance."""
    words = _words(prompt)
    named = [palette for word in words for palette, names in _LIGHTS if word in names.split()]
    drawn = chance.choice([palette for palette, _ in _LIGHTS])
    return named[0] if named else drawn


def land_for(prompt: str, chance: random.Random) -> Land:
    words = _words(prompt)
    named = [land for word in words for land, names in _LANDS if word in names.split()]
    drawn = chance.choice([land for land, _ in _LANDS])
    return named[0] if named else drawn


def blend(first: Color, second: Color, share: float) -> Color:
    """`share` 0 is the first color, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _words(prompt: str) -> list[str]:
    return re.findall(r"[a-z]+", prompt.lower())
