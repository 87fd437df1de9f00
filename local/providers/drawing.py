"""Draws the stand-in picture: a landscape that a prompt, a seed, an index and a size fully determine."""

import io
import random
import re
from dataclasses import dataclass
from hashlib import sha256

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from local.providers.palettes import Palette, blend, land_for, palette_for
from local.providers.scenery import draw_land

NOTICE = "stand-in image: no model was called"
_JPEG_QUALITY = 88
# Level 1 takes a quarter of the time of the default and makes these pictures about a tenth larger.
_PNG_COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Drawing:
    prompt: str
    width: int
    height: int
    seed: int = 0
    index: int = 0

    def chance(self) -> random.Random:
        """Make the source of every choice in this picture."""
        parts = (self.prompt, str(self.seed), str(self.index), f"{self.width}x{self.height}")
        return random.Random(sha256("|".join(parts).encode("utf-8", "replace")).digest())  # nosec B311 # a picture


def draw(drawing: Drawing, image_format: str) -> bytes:
    """Draw as `png` or `jpeg`; the same drawing always gives the same bytes."""
    chance = drawing.chance()
    palette = palette_for(drawing.prompt, chance)
    land = land_for(drawing.prompt, chance)
    picture = _sky(drawing, palette)
    _draw_stars(picture, palette, chance)
    _draw_lamp(picture, palette, chance)
    _draw_clouds(picture, palette, chance)
    draw_land(picture, land, palette, chance)
    _draw_footer(picture, drawing)
    out = io.BytesIO()
    if image_format == "jpeg":
        picture.save(out, "JPEG", quality=_JPEG_QUALITY)
    else:
        picture.save(out, "PNG", compress_level=_PNG_COMPRESSION)
    return out.getvalue()


def _sky(drawing: Drawing, palette: Palette) -> Image.Image:
    top, middle, horizon = palette.sky
    column = Image.new("RGB", (1, 256))
    colors = [
        blend(top, middle, y / 110) if y < 110 else blend(middle, horizon, min(1, (y - 110) / 60)) for y in range(256)
    ]
    column.putdata(colors)
    return column.resize((drawing.width, drawing.height), Image.Resampling.BICUBIC)


def _draw_stars(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    pen = ImageDraw.Draw(picture, "RGBA")
    unit = min(picture.size) / 1024
    for _ in range(palette.stars):
        x, y = chance.uniform(0, picture.width), picture.height * 0.62 * chance.random() ** 1.4
        radius = unit * chance.choice((0.7, 0.9, 1.2, 1.9))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), (255, 252, 240, chance.randint(90, 240)))


def _draw_lamp(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    side = min(picture.size)
    x = round(picture.width * chance.uniform(0.2, 0.8))
    y = round(picture.height * chance.uniform(*palette.lamp_height))
    # radial_gradient is black in its center, at distance 0.
    halo = Image.radial_gradient("L").point([round(max(0, 128 - d) ** 2 / 128**2 * 190) for d in range(256)])
    halo = halo.resize((side * 2, side * 2), Image.Resampling.BILINEAR)
    picture.paste(palette.glow, (x - side, y - side), halo)
    radius = round(side * chance.uniform(0.05, 0.085))
    disc = Image.new("L", (radius * 8, radius * 8))
    pen = ImageDraw.Draw(disc)
    pen.ellipse((0, 0, radius * 8 - 1, radius * 8 - 1), 255)
    if palette.name == "night":
        shift = round(radius * chance.uniform(1.6, 4.2))
        pen.ellipse((shift, -shift // 3, shift + radius * 8, radius * 8 - shift // 3), 0)
    disc = disc.reduce(4)
    picture.paste(palette.lamp, (x - radius, y - radius), disc)


def _draw_clouds(picture: Image.Image, palette: Palette, chance: random.Random) -> None:
    # Soft shapes lose nothing at an eighth of the size, and cost a sixty-fourth.
    small = (picture.width // 8, picture.height // 8)
    mask = Image.new("L", small)
    pen = ImageDraw.Draw(mask)
    for _ in range(chance.randint(2, 5)):
        x, y = chance.uniform(-0.1, 1.0) * small[0], chance.uniform(0.08, 0.5) * small[1]
        for _ in range(chance.randint(3, 7)):
            width, height = chance.uniform(6, 20) * small[0] / 85, chance.uniform(0.6, 2.2) * small[1] / 85
            pen.ellipse((x, y - height, x + width, y + height), chance.randint(40, 130))
            x, y = x + chance.uniform(-2, 9) * small[0] / 85, y + chance.uniform(-1.5, 1.5)
    soft = mask.filter(ImageFilter.GaussianBlur(small[0] / 60))
    picture.paste(
        blend(palette.sky[2], (255, 255, 255), 0.35), (0, 0), soft.resize(picture.size, Image.Resampling.BILINEAR)
    )


def _draw_footer(picture: Image.Image, drawing: Drawing) -> None:
    size = max(10, min(picture.size) // 58)
    font = ImageFont.load_default(size)
    height = size * 2
    top = picture.height - height
    pen = ImageDraw.Draw(picture, "RGBA")
    pen.rectangle((0, top, picture.width, picture.height), (0, 0, 0, 150))
    margin = size
    pen.text((picture.width - margin, top + height / 2), NOTICE, (255, 255, 255, 190), font, anchor="rm")
    room = picture.width - 3 * margin - font.getlength(NOTICE)
    caption = " ".join(re.findall(r"[!-~\u00a1-\u024f]+", drawing.prompt))
    pen.text((margin, top + height / 2), _shortened(caption, font, room), (255, 255, 255, 235), font, anchor="lm")


def _shortened(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    caption = caption[:200]
    if font.getlength(caption) <= room:
        return caption
    while caption and font.getlength(caption + "...") > room:
        caption = caption[:-1]
    return caption.rstrip() + "..." if caption else ""
