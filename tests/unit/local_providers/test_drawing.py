import io
from dataclasses import replace

import pytest
from PIL import Image

from local.providers.drawing import Drawing, draw
from local.providers.palettes import land_for, palette_for

DRAWING = Drawing("a fox in a field", 256, 256, seed=1)


@pytest.mark.parametrize(
    "other",
    [
        replace(DRAWING, prompt="a fox in a wood"),
        replace(DRAWING, width=288),
        replace(DRAWING, seed=2),
        replace(DRAWING, index=1),
    ],
)
def test_a_picture_differs_by_prompt_size_seed_and_index(other: Drawing) -> None:
    assert draw(DRAWING, "png") != draw(other, "png")
    assert draw(other, "png") == draw(other, "png")


@pytest.mark.parametrize("size", [(256, 640), (700, 257)])
@pytest.mark.parametrize("land", ["hill", "forest", "ocean", "desert", "mountain", "city"])
def test_every_land_can_be_drawn_at_every_shape(size: tuple[int, int], land: str) -> None:
    assert Image.open(io.BytesIO(draw(Drawing(land, *size), "jpeg"))).size == size


@pytest.mark.parametrize(
    ("prompt", "light", "land"),
    [
        ("An OCEAN at sunset", "sunset", "ocean"),
        ("forest, by night", "night", "forest"),
        ("neon Tokyo", "neon", "city"),
        ("dunes at dawn", "dawn", "desert"),
        ("a snowy peak in a storm", "storm", "mountains"),
    ],
)
def test_the_words_of_a_prompt_choose_light_and_land(prompt: str, light: str, land: str) -> None:
    chance = Drawing(prompt, 256, 256).chance()
    assert palette_for(prompt, chance).name == light
    assert land_for(prompt, chance) == land


@pytest.mark.parametrize("prompt", ["日本の森", "\ud800 lone surrogate", "x" * 2000, "line\nbreak\0nul", "🎨"])
def test_any_text_can_be_a_prompt(prompt: str) -> None:
    assert draw(Drawing(prompt, 256, 256), "png")
