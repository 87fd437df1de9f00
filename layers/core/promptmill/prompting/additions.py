"""What a prompt of each kind should say, and how to tell that it says so already. Read by `enhance_by_rules`.

An angle is a task type seen more closely: mending code asks for other things than writing it. Additions stand in
order of worth. Each is recognised by its own `covered_by`, which is what keeps a second enhancement from adding more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Section(StrEnum):
    REQUIREMENTS = "Requirements"
    FORMAT = "Format"
    QUALITY = "Quality bar"


@dataclass(frozen=True, slots=True)
class Addition:
    """A sentence worth adding, unless the prompt matches `covered_by`, and only if it matches `when`.

    Both are regular expressions, searched without regard to case.
    """

    sentence: str
    covered_by: str
    section: Section = Section.REQUIREMENTS
    when: str = ""


@dataclass(frozen=True, slots=True)
class Angle:
    """Whom to ask and what to ask for. `role` completes "You are ..."."""

    role: str
    additions: tuple[Addition, ...]


_F, _Q = Section.FORMAT, Section.QUALITY

_POETRY = Angle(
    "a poet with a sure ear for rhythm and image",
    (
        Addition("Keep to three lines of 5, 7 and 5 syllables.", "5[-, ]+7|syllable", when=r"\bhaiku"),
        Addition("Keep to fourteen lines, with a turn before the close.", "fourteen|14 lines|volta", when=r"\bsonnet"),
        Addition("Keep to five lines rhyming AABBA, with a twist at the end.", "AABBA|five lines", when=r"\blimerick"),
        Addition(
            "Choose one form, such as free verse or short stanzas, and hold to it.",
            r"\bforms?\b|free verse|stanza|haiku|sonnet|limerick|ballad|\bode\b|villanelle|acrostic|rhym|\blines\b|"
            r"couplet",
        ),
        Addition(
            "Build it on concrete images of sight, sound and touch rather than abstract statements.",
            r"\bimage(?:s|ry)\b|metaphor|\bsens(?:es|ory)\b",
        ),
        Addition(
            "Settle on one mood and carry it through to the last line.",
            r"\bmoods?\b|feeling|melanchol|\bsad|happy|funny|humou?r|romantic|\bcalm|\bdark|hopeful|joy|nostalg|"
            r"\btone\b|silly",
        ),
        Addition("Avoid clichés and stock phrases.", r"clich|stock phrase|fresh", _Q),
        Addition("Let the sound matter: rhythm first, rhyme only where it comes naturally.",
                 r"rhythm|rhym|met(?:er|re)\b", _Q),
        Addition("Give it a short title and no commentary.", r"\btitled?\b|commentary", _F),
        Addition("End on an image, not on a summary.", r"\bend(?:s|ing)? (?:on|with)|last line", _Q),
    ),
)  # fmt: skip

_CODE = Angle(
    "a senior software engineer",
    (
        Addition(
            "Use the programming language that fits best and name the version you assume.",
            r"\b(?:python|javascript|typescript|java|golang|go|rust|c\+\+|c#|ruby|php|kotlin|swift|bash|shell|zsh|sql|"
            r"powershell|perl|scala|haskell|html|css|excel|vba|regex|regular expression|terraform|docker\w*|yaml|"
            r"react|"
            r"django|flask|node|programming language|postgres\w*|mysql|lua|matlab|elixir|\w+ version|cron|latex|"
            r"solidity|"
            r"jq|awk|sed|pytest|jest|junit|r script|dart|flutter)\b",
        ),
        Addition(
            "Show a dry run of the planned changes first, and never overwrite or lose anything silently.",
            r"dry[ -]run|back ?up|preview|overwrit",
            when=r"\b(?:renam|delet|remov|mov(?:e|es|ing)|overwrit|clean(?:s|ing)? up|dedup|organi[sz])\w*",
        ),
        Addition(
            "Handle timeouts, rate limits and unexpected responses.",
            r"edge case|time ?out|rate limit|retr(?:y|ies)|unexpected|invalid|corner case",
            when=r"\b(?:api|http|scrap\w+|webhook|download\w*|requests?|fetch\w*|crawl\w*)\b",
        ),
        Addition(
            "Handle edge cases: empty results, missing values and duplicates.",
            r"edge case|corner case|nulls?\b|missing|duplicate|empty|invalid",
            when=r"\b(?:sql|query|queries|table|database|csv|dataframe|pandas|spreadsheet)\b",
        ),
        Addition(
            "Handle edge cases: missing files, name clashes, odd file names and missing permissions.",
            r"edge case|corner case|missing|permission|clash|collision|invalid|empty",
            when=r"\b(?:files?|folders?|director(?:y|ies)|pdfs?|photos?)\b",
        ),
        Addition(
            "Handle edge cases: empty, very large and invalid input.",
            r"edge case|corner case|empty|invalid|missing|malformed|time ?out",
        ),
        Addition(
            "Say what goes in and what comes out, with an example of each.",
            r"\binputs?\b|\boutputs?\b|\breturns?\b|\bprints?\b|accepts?\b|arguments?\b|parameters?\b|goes in\b",
        ),
        Addition("Report errors clearly instead of failing silently.",
                 r"errors?\b|exceptions?\b|\bfail|\blog(?:s|ging)?\b"),
        Addition("Include a few tests or example calls that show it works.",
                 r"\btest(?:s|ed|ing)?\b|pytest|example (?:calls?|usage|runs?)"),
        Addition("Keep it readable: small functions, clear names, comments only where the reason is not obvious.",
                 r"readab|comment|docstring|clean code|type hints|\bnames\b|maintainab", _Q),
        Addition("Return the complete code first, then how to run it and what it depends on.",
                 r"how to run|depend|standard library|complete code|only (?:the )?code|install", _F),
        Addition("State every assumption you had to make.", r"assum", _Q),
    ),
)  # fmt: skip

_CODE_REPAIR = Angle(
    "a senior software engineer who reads code closely",
    (
        Addition("Name the cause first and say how the code shows it.", r"\bcause|why\b|reason|explain"),
        Addition("Make the smallest change that solves it, and leave everything else as it is.",
                 r"smallest|minimal|only change|refactor|rewrite|clean(?:er| up)|behaviou?r"),
        Addition("Keep its behaviour as it is; point out any change you cannot avoid.", r"\bbehaviou?r",
                 when=r"refactor|clean(?:er| up)|simplif|readab|optimi[sz]e|faster"),
        Addition("Show the corrected code in full, ready to "
                 "run.", r"in full|full code|complete code|diff\b|patch", _F),
        Addition("Add a test that fails before the change and passes after it.", r"\btests?\b"),
        Addition("Mention related problems you notice, without changing "
                 "them.", r"related|other (?:bugs|problems|issues)"),
        Addition("If something needed to be sure is missing, say what and go on with a stated "
                 "assumption.", r"assum", _Q),
    ),
)  # fmt: skip

_APP = Angle(
    "a product-minded software engineer",
    (
        Addition("Start from the people who use it and the one problem it solves for them.",
                 r"\busers?\b|audience|customers?\b|people who|\bfor (?:\w+ ){0,2}(?:students|kids|children|parents|"
                 r"teams|"
                 r"teachers|freelancers|people|runners|families|seniors|beginners|employees|owners)\b"),
        Addition("List the core features of a first version, apart from what can wait.",
                 r"\bfeatures?\b|\bshould (?:have|let|allow)|\blets?\b|first version|\bmvp\b"),
        Addition("Lay out the main screens and how one moves between "
                 "them.", r"\bscreens?\b|navigat|user flow|\btabs?\b"),
        Addition("Say which data it keeps, where that lives and how it stays private.",
                 r"\bdata\b|database|\bstor(?:e|es|ed|age)\b|\bsync|offline|privacy|private"),
        Addition("Choose platform and technology, with a reason for each choice.",
                 r"\b(?:ios|android|web app|desktop|windows|macos|linux|react native|flutter|swiftui?|kotlin|react|"
                 r"django|"
                 r"electron|cross-platform|platforms?|tech stack|extension|unity|godot|next\.?js|vue|svelte|python|"
                 r"firebase|supabase|discord|telegram|slack)\b"),
        Addition("Give acceptance criteria for each feature, so that it can be tested.",
                 r"acceptance|criteria|done when|tested\b", _Q),
        Addition("Cover empty, loading and error states as well as the usual "
                 "path.", r"empty|loading|error states?|edge case"),
        Addition("Take account of accessibility and slow connections from the start.",
                 r"accessib|slow connection|performance|wcag", _Q),
        Addition("Finish with a short build plan in the order the work should happen.",
                 r"build plan|roadmap|milestones?|timeline|deadline|step by step|phases?", _F),
    ),
)  # fmt: skip

_WEB = Angle(
    "a web designer and front-end developer",
    (
        Addition("Have its visitors in mind: what they come for and what they should do next.",
                 r"visitors?|audience|customers?\b|clients?\b|users?\b|target|for (?:people|parents|students)"),
        Addition("Plan the sections in order: a clear opening message, the offer, proof, and contact.",
                 r"\bsections?\b|\bhero\b|\bmenu\b|about (?:page|us)|contact|gallery|pages?:|portfolio of"),
        Addition("Lead to one main action and repeat it where it helps.",
                 r"call[ -]to[ -]action|\bcta\b|main action|button|sign[ -]?up|order form|book(?:ing)?\b|"
                 r"contact form|\bbuy\b"),
        Addition("Design for phones first, then for larger screens.", r"phones?\b|mobile|responsive|screens?\b"),
        Addition("Choose colours, type and pictures that fit the subject, and say why.",
                 r"colou?rs?\b|fonts?\b|\btype\b|style|palette|minimalis|\blook\b|modern|branding|design system|"
                 r"aesthetic"),
        Addition("Write real copy for each part instead of filler text.", r"\bcopy\b|lorem|filler|wording|texts?\b"),
        Addition("Use semantic HTML and CSS without a framework unless one is needed.",
                 r"\bhtml\b|\bcss\b|react|vue|svelte|wordpress|shopify|tailwind|next\.?js|framework|wix|squarespace|"
                 r"webflow", _F),
        Addition("Meet accessibility basics: contrast, alt texts, keyboard "
                 "use.", r"accessib|contrast|alt text|wcag", _Q),
        Addition("Keep it fast, with a page title and description that search engines can use.",
                 r"\bseo\b|\bfast\b|page speed|search engine|performance|meta", _Q),
    ),
)  # fmt: skip

_CREATIVE = Angle(
    "a fiction writer with a distinct voice",
    (
        Addition("Give the main character something to want and something in the way.",
                 r"\bwants?\b|conflict|obstacle|goal|struggl|\btorn\b|secret|\bmust\b"),
        Addition("Make the place felt through a few exact details.",
                 r"setting|\bplace\b|\bset in\b|details?\b|takes place|atmospher"),
        Addition("Choose one point of view and keep to it.",
                 r"point of view|\bpov\b|first[ -]person|third[ -]person|narrat"),
        Addition("Aim for 600 to 900 words.",
                 r"\bwords?\b|\bpages?\b|paragraphs?\b|chapters?\b|\blines\b|minutes?\b|sentences?\b|novel", _F),
        Addition("Show what happens through action and dialogue instead of explaining it.",
                 r"dialogue|show(?:,| what| don)|action", _Q),
        Addition("Let the ending follow from what came before, without a stated moral.",
                 r"\bend(?:s|ing)?\b|twist|moral", _Q),
        Addition("Prefer fresh, specific language to stock phrases.", r"clich|fresh|stock phrase|specific", _Q),
        Addition("Begin in the middle of something happening.", r"\b(?:begin|open|start)(?:s|ing)?\b"),
    ),
)  # fmt: skip

_EXPLANATION = Angle(
    "a patient teacher who knows the subject well",
    (
        Addition(
            "Assume a curious reader without prior knowledge.",
            r"beginner|expert|\b\w*[- ]?year[- ]?olds?\b|eli5|i'?m 5|like i|prior knowledge|student|child|kid|reader|"
            r"simple (?:terms|words)|layman|audience|already know|background|for (?:a|my|the|an) |\bnewbie|\blevel\b|"
            r"grade",
        ),
        Addition("Go through it in the order it runs, and say why each part is there, not only what it does.",
                 r"order it runs|line by line|step by step", when=r"\bcode\b|function\b|script\b|snippet|query|regex"),
        Addition("Compare along the same criteria, and say when each is the better choice.",
                 r"criteria|when (?:to use|each)|table|better", when=r"difference|\bvs\b|versus|compare"),
        Addition("Give numbered steps, and for each say how to tell that it worked.", r"numbered|steps?\b",
                 when=r"\bhow (?:to|do i|can i|would i|should i)\b"),
        Addition("Begin with the short answer, then build it up step by step.",
                 r"short answer|step by step|in order|numbered|\boverview\b|order it runs"),
        Addition("Use one concrete example or "
                 "comparison.", r"examples?\b|analog(?:y|ies)|comparison|metaphor"),
        Addition("Define each technical term when it first appears.", r"defin|terms?\b|jargon|simple words"),
        Addition("Point out the usual misunderstanding and what is true "
                 "instead.", r"misunderst|misconcept|mistake|myth"),
        Addition("Close with a summary of three sentences.", r"summary|summari[sz]e|takeaway|recap", _F),
        Addition("Say plainly where experts disagree or simplification "
                 "misleads.", r"disagree|simplif|uncertain|sources?\b", _Q),
    ),
)  # fmt: skip


@cache
def angles_of_task() -> Mapping[str, Angle]:
    """Give the angle of each task type except `image`, `content` and `general`, which are read more closely."""
    return {
        "poetry": _POETRY,
        "code": _CODE,
        "code_repair": _CODE_REPAIR,
        "app": _APP,
        "web": _WEB,
        "creative": _CREATIVE,
        "explanation": _EXPLANATION,
    }
