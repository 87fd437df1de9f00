"""The rule-based enhancer returns a better prompt that still asks for the same thing."""

import re

import pytest

from promptmill.prompting.additions import Addition, angles_of_task
from promptmill.prompting.additions_writing import content_kinds, everyday_kinds, text_work
from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.model import EnhancementRequest, Length, Tone
from promptmill.prompting.task_type import detect_task_type

RAMBLING = """hey so um i run a small bakery in lyon called "Pain d'Or" and ive been doing it for 12 years with my \
wife and basically we need a new website because the old one is really bad and nobody can find us on google. it should \
have a page with our menu and prices and people need to be able to order online, at least for birthday cakes, and \
pay by card. oh and it has to work on phones because like 80% of our customers are on mobile. also we want a page \
that tells our story, my grandfather started the place in 1954 and there are nice old photos. dont make it too fancy \
or modern, we like warm colors, brown and cream, no blue!!! the opening hours are tue-sat 7:00-19:00 and should be on \
every page. my budget is like 2000 euros and it has to be ready before christmas. my nephew said use wordpress but i \
dont know if thats good, tell me what you think. also it needs to be in french and english because we get many \
tourists in summer. make sure i can update the menu myself without calling someone every time. the current site is \
at https://paindor-lyon.fr and our instagram is @paindorlyon so please link to it. hope that makes sense, thanks so \
much!!"""

RAMBLING_DEMANDS = [
    "menu and prices", "order online", "birthday cakes", "pay by card", "work on phones", "80%", "tells our story",
    "1954", "old photos", "too fancy or modern", "brown and cream", "no blue", "tue-sat 7:00-19:00", "every page",
    "2000 euros", "before Christmas", "WordPress", "tell me what you think", "French and English",
    "update the menu myself", "https://paindor-lyon.fr", "@paindorlyon", '"Pain d\'Or"', "12 years", "new website",
]  # fmt: skip

PROMPTS = [
    "write me a haiku about autumn",
    "hey can you pls make a python script that renames all the files in a folder by date!!!!",
    "build an ios app for habit tracking",
    'i need a landing page for a bakery in Lyon called "Pain d\'Or"',
    "short story about a lighthouse keeper",
    "explain how tcp works",
    "a dragon, cinematic lighting, 8k",
    "draw me a cat on a skateboard, make it look like a comic. no text pls",
    "blog post about remote work for managers, 800 words",
    "tweet about our new espresso machine",
    "write an email to my landlord about the broken heating since 12 Nov",
    "cover letter for a junior data analyst job at Spotify",
    "translate this to french: hello how are u doing i dont know",
    "summarize this article: The quick brown fox jumped over 13 lazy dogs.",
    "rewrite this email to sound nicer: Hi Bob, u never send me the file",
    "fix this bug: def f(x):\n    return x/0\nprint(f(2))",
    "plan a 3 day trip to rome with kids under 500 euros",
    "give me ideas for a birthday party for a six year old",
    "recipe for vegan lasagna",
    "what's the best way to learn guitar as an adult",
    "speech for my sister's wedding, max 3 minutes",
    "compare postgres and mysql",
    "cats",
    "logo for a coffee shop",
    "帮我写一首关于秋天的诗",
    "Schreibe mir ein Gedicht über den Herbst und die Blätter!!!",
    "اكتب لي قصيدة عن البحر",
    "🎉",
    RAMBLING,
]


def enhanced(prompt: str, tone: Tone | None = None, length: Length | None = None, language: str | None = None) -> str:
    return enhance_by_rules(EnhancementRequest(prompt, tone, length, language))


def bullets(text: str) -> list[str]:
    return re.findall(r"^- .+$", text, re.MULTILINE)


@pytest.mark.parametrize("length", Length)
def test_a_rambling_message_keeps_every_demand_in_a_list(length: Length) -> None:
    better = enhanced(RAMBLING, length=length)
    assert [demand for demand in RAMBLING_DEMANDS if demand not in better] == []
    assert len(bullets(better)) >= 10
    assert "hope that makes sense" not in better
    assert "thanks" not in better.lower()
    assert "Build a new website" in better


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_second_enhancement_adds_next_to_nothing(prompt: str, length: Length) -> None:
    once = enhanced(prompt, length=length)
    assert len(enhanced(once, length=length)) <= 1.15 * len(once)


@pytest.mark.parametrize("tone", Tone)
def test_a_tone_is_asked_for_once_however_often_the_prompt_is_enhanced(tone: Tone) -> None:
    once = enhanced("explain how tcp works", tone=tone)
    assert tone.value in once
    assert enhanced(once, tone=tone) == once


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_enhanced_prompt_is_still_of_the_same_kind(prompt: str, length: Length) -> None:
    assert detect_task_type(enhanced(prompt, length=length)) is detect_task_type(prompt)


def test_concise_is_one_paragraph_of_at_most_three_sentences() -> None:
    better = enhanced("explain how tcp works", length=Length.CONCISE)
    assert "\n" not in better
    assert better.startswith("Explain how TCP works. ")
    assert 2 <= better.count(".") <= 3


def test_balanced_is_a_paragraph_and_a_handful_of_bullets_and_the_default() -> None:
    better = enhanced("write me a haiku about autumn", length=Length.BALANCED)
    assert better.split("\n\n")[0] == "Write a haiku about autumn."
    assert 3 <= len(bullets(better)) <= 6
    assert better == enhanced("write me a haiku about autumn")


def test_detailed_has_titled_sections() -> None:
    better = enhanced("python script that renames files by date", length=Length.DETAILED)
    assert re.findall(r"^## (.+)$", better, re.MULTILINE) == ["Role", "Goal", "Requirements", "Format", "Quality bar"]
    assert "You are a senior Python engineer." in better
    assert "## Goal\nWrite a Python script that renames files by date.\n" in better


@pytest.mark.parametrize(
    ("prompt", "goal"),
    [
        ("i need a landing page for a bakery", "Build a landing page for a bakery."),
        ("short story about a lighthouse keeper", "Write a short story about a lighthouse keeper."),
        ("ios app for runners", "Build an iOS app for runners."),
        ("how to center a div", "Explain how to center a div."),
        ("what is recursion", "What is recursion?"),
        ("I need help writing a resignation letter", "Write a resignation letter."),
        ("hey can you pls write a tweet about bees!!!", "Write a tweet about bees."),
        ("i have to write a python script and im kinda lost", "Write a Python script."),
        ("i want to learn python", "I want to learn python. Assume"),
        ("cats", "Give a clear, useful overview of cats."),
        ("the app shoud let users recieve notifications", "The app should let users receive notifications."),
        ("can you eat raw potatoes", "Can you eat raw potatoes?"),
    ],
)
def test_a_casual_wish_becomes_a_clear_request(prompt: str, goal: str) -> None:
    assert enhanced(prompt, length=Length.CONCISE).startswith(goal)


@pytest.mark.parametrize(
    ("prompt", "not_demanded"),
    [
        ("write a python script that sorts photos", "programming language"),
        ("write a script that sorts photos, handle edge cases like missing files", "edge cases: "),
        ("blog post about tea for nurses, 800 words", "700 to 1,000"),
        ("blog post about tea for parents", "defined reader"),
        ("explain vaccines to a five year old", "prior knowledge"),
        ("short story about rain, about 300 words", "600 to 900"),
        ("landing page for a gym with a call to action and a contact form", "one main action"),
        ("build an android app for students", "platform and technology"),
        ("You are a poet. Write a poem about the sea in free verse", "Choose one form"),
        ("write a haiku about bees, keep a sad mood", "one mood"),
    ],
)
def test_what_is_specified_already_is_not_demanded_again(prompt: str, not_demanded: str) -> None:
    assert not_demanded not in enhanced(prompt, length=Length.DETAILED)


def test_a_role_that_is_given_is_not_given_twice() -> None:
    better = enhanced("You are a tax advisor. Explain VAT in 200 words", length=Length.DETAILED)
    assert better.lower().count("you are") == 1


@pytest.mark.parametrize("length", Length)
@pytest.mark.parametrize(
    "prompt", ["a dragon, cinematic lighting, 8k", "draw me a fox in the snow", "logo for a bakery", "photo of a pier"]
)
def test_an_image_prompt_stays_one_flowing_description(prompt: str, length: Length) -> None:
    better = enhanced(prompt, length=length)
    assert "\n" not in better
    assert not re.search(r"(?i)\b(?:write|create|make sure|you are|include|requirements)\b", better)
    assert better.count(", ") >= 2


def test_the_flags_of_an_image_prompt_stay_at_its_end() -> None:
    better = enhanced("photo of an old fisherman, 85mm --ar 16:9 --v 6")
    assert better.endswith(" --ar 16:9 --v 6")
    assert better.startswith("Photo of an old fisherman, 85mm, ")


def test_an_image_prompt_gets_no_light_when_it_has_one() -> None:
    assert enhanced("photo of a pier at golden hour", length=Length.DETAILED).lower().count("light") == 0
    assert "light" in enhanced("photo of a pier", length=Length.DETAILED)


def test_longer_lengths_say_more() -> None:
    for prompt in ("explain how tcp works", "photo of a pier", "landing page for a bakery"):
        concise, balanced, detailed = (len(enhanced(prompt, length=length)) for length in Length)
        assert concise < balanced < detailed


def test_a_structured_prompt_keeps_its_lines_and_gains_little() -> None:
    prompt = (
        "## Task\nWrite a landing page for a gym\n\n## Constraints\n- Max 100 words\n- No stock photos\n\n"
        "## Audience\nPeople over 60"
    )
    better = enhanced(prompt, length=Length.DETAILED)
    assert better.startswith(prompt)
    assert len(better) < 2 * len(prompt)


def test_material_to_work_on_is_left_as_it_is() -> None:
    material = "hello   how are u doing!!! i dont know teh answer"
    better = enhanced(f"pls translate this to german: {material}")
    assert better.startswith("Translate this to German.")
    assert better.endswith(f'Material:\n"""\n{material}\n"""')


def test_code_without_fences_is_left_as_it_is() -> None:
    code = "def f(i):\n    dont = i  # teh   point\n    return dont"
    better = enhanced(f"what does this do??\n{code}")
    assert code in better
    assert better.startswith("What does this do?")


def test_an_answer_language_is_asked_for_only_when_it_is_another() -> None:
    assert "Write the answer in German." in enhanced("explain how tcp works", language="de-AT")
    assert "Write the answer in Brazilian Portuguese." in enhanced("explain how tcp works", language="pt-BR")
    assert "Write the answer in tlh." in enhanced("explain how tcp works", language="tlh")
    assert "Write the answer" not in enhanced("explain how tcp works", language="en-GB")
    assert "Write the answer" not in enhanced("explain how tcp works in german", language="de")
    assert "Write the answer" not in enhanced("Erkläre mir, wie eine Wärmepumpe funktioniert", language="de")


@pytest.mark.parametrize(
    "prompt",
    [
        "Schreibe mir ein Gedicht über den Herbst",
        "Explique-moi la photosynthèse avec des mots simples",
        "帮我写一首关于秋天的诗",
        "اكتب لي قصيدة عن البحر",
        "Напиши рассказ про маяк",
    ],
)
@pytest.mark.parametrize("length", Length)
def test_a_prompt_in_another_language_gets_no_english_scaffolding(prompt: str, length: Length) -> None:
    assert enhanced(prompt, length=length) == prompt


def test_a_tone_for_a_german_prompt_is_asked_for_in_german() -> None:
    better = enhanced("Schreibe einen Artikel über die Bienen", tone=Tone.TECHNICAL)
    assert better.endswith("Halte den Ton technisch, mit genauen Begriffen und Zahlen.")


def every_addition() -> list[Addition]:
    angles = [*angles_of_task().values(), *text_work().values()]
    angles += [angle for _, angle in (*content_kinds(), *everyday_kinds())]
    return [addition for angle in angles for addition in angle.additions]


@pytest.mark.parametrize("addition", every_addition(), ids=lambda addition: addition.sentence[:40])
def test_every_addition_is_recognised_once_it_is_made(addition: Addition) -> None:
    assert re.search(addition.covered_by, addition.sentence, re.IGNORECASE)
    assert re.fullmatch(r"[A-Z].+[^.]\.", addition.sentence)
