"""Setting aside the parts of a prompt that must come out exactly as they went in.

Code, quotations, addresses, paths, placeholders, flags and names with inner dots or capitals are replaced by one
private-use character each, so that rules for prose cannot reach them, and put back at the end.
"""

import re
from dataclasses import dataclass
from functools import cache

_FIRST = 0xF0000
_LAST = 0xFFFFD
PLACEHOLDER = f"[{chr(_FIRST)}-{chr(_LAST)}]"
"""Regular expression for one set-aside part."""

_VERBATIM = r"""
    ```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z) | \"{3}.*?(?:\"{3}|\Z)          # fences
  | `[^`]+`
  | (?:https?|ftp|s3|file)://[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}] | www\.[^\s<>"'`]*[\w/]
  | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+                               # e-mail
  | "[^"]{1,600}" | \u201c[^\u201d]{1,600}\u201d | \u201e[^\u201c\u201d]{1,600}[\u201c\u201d]
  | \u00ab[^\u00bb]{1,600}\u00bb | \u300c[^\u300d]{1,600}\u300d | \u300e[^\u300f]{1,600}\u300f
  | \u2018[^\u2018\u2019]{1,300}\u2019(?!\w) | (?<!\w)'[^'\n]{1,300}'(?!\w)
  | \{\{[^{}]*\}\} | \$\{[^{}]*\} | \{\w+\} | </?[A-Za-z][^<>\n]{0,80}>    # placeholders and tags
  | (?<![\w-])--?[A-Za-z][\w-]* | (?<!\w)[@\#][\w.-]*\w
  | (?<![\w/])~?\.{0,2}/[\w.-]+(?:/[\w.-]+)*/? | (?<!\w)[A-Za-z]:\\[^\s]+                   # paths
  | (?<!\w)\.[A-Za-z]\w{1,5}\b                                            # .csv
  | (?<!\w)(?!(?:e\.g|i\.e|z\.b|d\.h|a\.m|p\.m)\b)\w+(?:[/\\_]+\w+|\.[a-z0-9]\w*)+(?:\(\))?   # data.csv, a/b
  | (?<!\w)\w+\(\)
  | \b[a-z]+[A-Z]\w* | \b[A-Za-z]+\d\w*                                   # camelCase, utf8
  | (?<!\w)\d(?:[\d.,:/\u2013-]*\d)?(?![\w]) | \w*\d\w*
  | [\U000F0000-\U000FFFFD]+
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A text with its verbatim parts taken out; `parts[i]` belongs to the placeholder `chr(0xF0000 + i)`."""

    text: str
    parts: tuple[str, ...]

    def restore(self, text: str) -> str:
        """Put the parts back into `text`, whatever was done around the placeholders."""
        return re.sub(PLACEHOLDER, lambda match: self.parts[ord(match[0]) - _FIRST], text)


def set_aside(text: str) -> SetAside:
    """Take the verbatim parts out of `text`; `set_aside(t).restore(set_aside(t).text) == t` for every text."""
    parts: list[str] = []
    pieces: list[str] = []
    end = 0
    for match in _pattern().finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        pieces.append(chr(_FIRST + len(parts)))
        if _FIRST + len(parts) == _LAST:
            # No placeholder is left for what follows: the last one stands for all of it.
            parts.append(text[match.start() :])
            end = len(text)
            break
        parts.append(match[0])
    pieces.append(text[end:])
    return SetAside("".join(pieces), tuple(parts))


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(_VERBATIM, re.VERBOSE | re.DOTALL)
