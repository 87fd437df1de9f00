"""The angles of `content` and `general`: pieces of writing by their kind, and everyday tasks by what is asked."""

from collections.abc import Mapping
from functools import cache

from promptmill.prompting.additions import Addition, Angle, Section

_F, _Q = Section.FORMAT, Section.QUALITY

_AUDIENCE = (
    r"audience|readers?\b|aimed at|target|\bmanagers?\b|\bcustomers?\b|\bclients?\b|\bcolleagues?\b|\bmy (?:boss|team|"
    r"landlord|teacher|professor|subscribers|followers|manager|wife|husband|neighbou?rs?)\b|"
    r"\bfor (?:\w+ ){0,2}(?:students|beginners|"
    r"parents|teachers|kids|children|developers|founders|people|owners|teams|marketers|seniors|professionals)\b|"
    r"\bto (?:a|my|our|the) \w+|recruiter|hiring|employees?\b|investors?\b|users?\b"
)
_SIZE = (
    r"\bwords?\b|characters?\b|\bpages?\b|paragraphs?\b|\bshort\b|\bbrief\b|minutes?\b|sentences?\b|one-pager|\blong\b"
)

_TRUTH = Addition(
    "Use only the facts given here and mark in [brackets] whatever is missing.",
    r"\[brackets\]|\[\w|placeholder|only (?:the )?facts|(?:don't|do not|never) (?:invent|make)|sources?\b|cite",
    _Q,
)
_PLAIN = Addition("Prefer plain, active sentences to buzzwords.", r"plain|buzzword|jargon|active", _Q)

_CONTENT = Angle(
    "an experienced editor and copywriter",
    (
        Addition("Write for a clearly defined reader and say what is in it for them.", _AUDIENCE),
        Addition("Make one main point and support it with concrete details.",
                 r"main (?:point|message|idea)|key message|\bgoal\b|purpose|details"),
        Addition("Open with what matters most, then a clear line of thought, then an ending that stays.",
                 r"\bopen(?:s|ing)?\b|structure|intro|outline|subheading|headings?", _F),
        Addition("End with one clear call to action.", r"call[ -]to[ -]action|\bcta\b|next step|sign up|subscribe|"
                 r"\bask (?:for|them)|rsvp"),
        _TRUTH,
        _PLAIN,
        Addition("Keep it as short as the point allows.", _SIZE + "|as short", _F),
    ),
)  # fmt: skip

_LONG_FORM = Angle(
    "an experienced writer and editor",
    (
        Addition("Write for a clearly defined reader and say what is in it for them.", _AUDIENCE),
        Addition("Open with a hook, then three to five sections with subheadings, then a takeaway.",
                 r"hook|structure|sections?\b|subheading|headings?|outline|intro", _F),
        Addition("Support each point with a concrete example or figure.",
                 r"examples?\b|figures?\b|statistic|case stud|anecdote|tips"),
        Addition("Aim for 700 to 1,000 words.", _SIZE, _F),
        Addition("End with one clear call to action.", r"call[ -]to[ -]action|\bcta\b|next step|sign up|subscribe|"
                 r"conclusion|takeaway"),
        _TRUTH,
        _PLAIN,
        Addition("Suggest a title and a one-sentence description.",
                 r"\btitled?\b|headline|meta description|description", _F),
    ),
)  # fmt: skip

_EMAIL = Angle(
    "a clear and considerate writer of correspondence",
    (
        Addition("State the reason for writing in the first sentence.",
                 r"first sentence|open with|reason for writing|get to the point"),
        Addition("Close with the one thing you would like the recipient to do, and by when.",
                 r"recipient to do|call[ -]to[ -]action|next step|\bask(?:ing)? (?:for|them|him|her|if)|reply|"
                 r"respond|deadline|by (?:mon|tues|wednes|thurs|fri|satur|sun)day|rsvp"),
        Addition("Suggest a subject line.", r"subject(?: line)?\b", _F, when=r"\be-?mails?\b|newsletter|\bmail\b"),
        Addition("Keep it under 150 words in short paragraphs.", _SIZE, _F),
        _TRUTH,
        Addition("Be polite and direct; leave out set phrases.",
                 r"polite|direct|set phrases|friendly|formal|firm|\btone\b", _Q),
    ),
)  # fmt: skip

_SOCIAL = Angle(
    "a social media editor",
    (
        Addition("Put the most interesting thing in the first line.", r"hook|first line|opening"),
        Addition("Make one point, concretely.", r"one (?:point|idea)|main (?:point|message)|key message"),
        Addition("End with a question or a clear call to action.",
                 r"question|call[ -]to[ -]action|\bcta\b|link|sign up"),
        Addition("Keep it within the limits of the platform.", r"characters?\b|limits?\b|" + _SIZE, _F),
        Addition("Use at most three fitting hashtags.", r"hashtags?|#\w", _F),
        Addition("Offer three variants that differ in their "
                 "approach.", r"variants?|versions?|options|\d tweets|thread", _F),
        _TRUTH,
    ),
)  # fmt: skip

_APPLICATION = Angle(
    "a career adviser who has read thousands of applications",
    (
        Addition("Tie two or three concrete achievements to what the position asks "
                 "for.", r"achievement|accomplish|experience|results?\b|skills?\b"),
        Addition("Say why this employer in particular.", r"why (?:this|i want|them)|this employer|motivat|mission"),
        Addition("Keep it to one page.", _SIZE, _F),
        _TRUTH,
        Addition("Sound like a person: no set phrases, no superlatives.",
                 r"set phrases|superlative|sound like|natural|clich|\btone\b", _Q),
        Addition("Close with a confident invitation to talk.", r"\bclose with|interview|call[ -]to[ -]action", _F),
    ),
)  # fmt: skip

_SPEECH = Angle(
    "a speechwriter who writes for the ear",
    (
        Addition("Open with a moment or an image, not with an introduction of yourself.", r"\bopen(?:s|ing)?\b|"
        r"\bstart(?:s|ing)?\b", _F),
        Addition("Build it on one or two specific anecdotes, and mark in [brackets] those I have to supply.",
                 r"anecdote|stor(?:y|ies)|\bmet\b|moment", _Q),
        Addition("Use short sentences that are easy to say aloud.", r"aloud|short sentences|spoken|rhythm", _Q),
        Addition("Keep it under three minutes, about 400 words.", r"minutes?\b|\bwords?\b|\bshort\b|\bbrief\b|"
        r"seconds", _F),
        Addition("End on a line that people will remember.", r"\bend(?:s|ing)? (?:with|on)|toast\b|closing|"
        r"last line", _F),
    ),
)  # fmt: skip

_TRANSLATE = Angle(
    "a professional translator",
    (
        Addition("Carry over the meaning and register in natural phrasing, not word for "
                 "word.", r"natural|word for word|literal|idiom|register"),
        Addition("Leave names, numbers and formatting as they are.", r"\bnames\b|formatting|numbers", _Q),
        Addition("Note any phrase that could be read in two ways.", r"ambig|two ways|\bnotes?\b", _F),
    ),
)  # fmt: skip

_SUMMARIZE = Angle(
    "a careful analyst",
    (
        Addition("Lead with the main point, then the supporting ones in order of "
                 "weight.", r"main points?|key (?:points?|takeaways?)|bullet|tl;?dr"),
        Addition("Keep names, figures and dates exact, and add nothing the text does not "
                 "say.", r"figures|exact|add nothing|numbers|dates", _Q),
        Addition("Keep it to about a tenth of the original.", _SIZE +
                 r"|bullet|tenth|\d+ (?:points|bullets)|one line", _F),
    ),
)  # fmt: skip

_REWRITE = Angle(
    "a careful editor",
    (
        Addition("Keep the meaning, the facts and the writer's voice.",
                 r"keep (?:the|my) (?:meaning|voice|facts|tone)|same meaning|meaning"),
        Addition("Mend grammar, spelling and flow, and cut what does no "
                 "work.", r"grammar|spelling|flow|shorten|concise|typos?"),
        Addition("Give the finished text first, then the main changes in a short "
                 "list.", r"changes|only (?:the )?(?:text|result)|tracked", _F),
    ),
)  # fmt: skip

_PLAN = Angle(
    "a practical planner",
    (
        Addition("Lay it out in time order, with realistic durations.",
                 r"itinerary:|schedule|duration|day by day|each day|per day|timeline|time order|hour by hour"),
        Addition("Give rough costs and say what to book or prepare ahead.",
                 r"budget|costs?\b|prices?\b|\$|€|cheap|expens|prepare ahead"),
        Addition("Name a fallback for the parts most likely to go "
                 "wrong.", r"fallback|plan b|alternative|rain|in case"),
        Addition("Present it as a table or a dated list that can be followed as it "
                 "stands.", r"table|\blist\b|checklist|calendar|bullet", _F),
        Addition("State the assumptions you make about whatever is not given here.", r"assum", _Q),
    ),
)  # fmt: skip

_IDEAS = Angle(
    "an inventive and practical adviser",
    (
        Addition(
            "Give ten options which really differ from each other.",
            r"\b(?:\d+|two|three|four|five|six|seven|eight|ten|twenty|dozen) (?:\w+ )?(?:ideas|options|names|"
            r"suggestions|ways|"
            r"tips|examples|choices)|differ",
        ),
        Addition("For each, say in one sentence why it fits.",
                 r"why (?:it|each)|reasons?\b|explain|one sentence|pros"),
        Addition("Mark the best one and say what decides it.", r"\bbest\b|favou?rite|\brank|top pick"),
        Addition("Leave out the obvious ones everybody thinks of "
                 "first.", r"obvious|unusual|unique|original|creative|generic", _Q),
    ),
)  # fmt: skip

_RECIPE = Angle(
    "an experienced cook who writes for home kitchens",
    (
        Addition("List ingredients with exact amounts, then numbered steps with times and "
                 "temperatures.", r"amounts?|numbered|grams|temperature", _F),
        Addition("Say how many it serves and how long it takes.",
                 r"serves?\b|servings|portions|\bfor (?:\d|two|four|six)|minutes|people"),
        Addition("Offer substitutes for whatever is hard to find.", r"substitut|replace|instead of|allerg"),
        Addition("Name the step that most often goes wrong and how to save it.", r"goes wrong|mistake|\btips?\b", _Q),
    ),
)  # fmt: skip

_GENERAL = Angle(
    "a knowledgeable and careful assistant",
    (
        Addition("Give the direct answer first, then the reasons.",
                 r"direct answer|answer first|reasons?\b|\bwhy\b|explain"),
        Addition("Be specific: use concrete examples, names or figures instead of "
                 "generalities.", r"specific|concrete|examples?\b|figures"),
        Addition("State the assumptions you make where details are missing.", r"assum", _Q),
        Addition("Set it out in short paragraphs or a list that is easy to scan.",
                 r"\blist\b|bullet|table|paragraphs?|steps?\b|format|json|markdown", _F),
        Addition("Say what is uncertain and how one could check it.",
                 r"uncertain|unsure|not sure|check|verify|sources?\b", _Q),
        Addition("End with the most useful next step.", r"next steps?|recommend|action", _F),
    ),
)  # fmt: skip


@cache
def content_kinds() -> tuple[tuple[str, Angle], ...]:
    """Give the kinds of content by the regular expression that tells them, in the order to try; the last fits all."""
    return (
        (r"cover letter|application letter|job application|motivation letter|\bresume\b|\bcv\b|résumé", _APPLICATION),
        (r"tweet|linkedin post|instagram|facebook|caption|social media|twitter|thread\b", _SOCIAL),
        (r"\b(?:speech|toast|eulogy|keynote)\b", _SPEECH),
        (r"\be-?mails?\b|\bletters?\b|\bmemo\b|invitation|thank you note|message to", _EMAIL),
        (r"blog|article|essay|white ?paper|case study|report", _LONG_FORM),
        ("", _CONTENT),
    )


@cache
def everyday_kinds() -> tuple[tuple[str, Angle], ...]:
    """Give the kinds of general task by the regular expression that tells them, as `content_kinds` does."""
    return (
        (r"\brecipe|\bcook\b|what can i (?:cook|make)", _RECIPE),
        (r"\b(?:itinerary|plan|schedule|trip|vacation)\b", _PLAN),
        (r"\bideas?\b|brainstorm|suggest|recommend|\bnames? for\b|\blist (?:of )?", _IDEAS),
        ("", _GENERAL),
    )


@cache
def text_work() -> Mapping[str, Angle]:
    """Give the angles of working on a text that is there already, by the verb that opens the request."""
    return {
        r"translate": _TRANSLATE,
        r"summari[sz]e|tl;?dr|condense|sum up": _SUMMARIZE,
        r"rewrite|reword|rephrase|proofread|paraphrase|improve|polish|edit|correct|shorten": _REWRITE,
    }
