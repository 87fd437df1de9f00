"""What a prompt asks for is told from its words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptmill.prompting.task_cues import CUES, OPENINGS
from promptmill.prompting.task_type import TaskType, detect_task_type

PROMPTS = [
    ("poetry", "write me a haiku about autumn"),
    ("poetry", "can u write a funny limerick for my dad's 60th birthday"),
    ("poetry", "a sonnet in the style of Shakespeare about debugging code"),
    ("poetry", "i need song lyrics about leaving a small town, country style"),
    ("poetry", "roses are red, finish the poem pls"),
    ("poetry", "Schreibe ein Gedicht über den Winter in Berlin"),
    ("poetry", "écris un poème sur la mer"),
    ("poetry", "escribe un poema sobre mi abuela"),
    ("code", "python script that renames files"),
    ("code", "write code that draws an image of a mandelbrot set"),
    ("code", "hey can you fix this bug: TypeError: undefined is not a function"),
    ("code", "regex to match emails but not gmail"),
    ("code", "Write a SQL query that returns the ten best customers by revenue"),
    ("code", "refactor this function so that it is easier to test"),
    ("code", "write a python script that sends an email every monday with a csv report"),
    ("code", "implement a binary search in Rust"),
    ("code", "how come? ```js\nlet a = b\n``` it crashes"),
    ("code", "unit tests for my flask login endpoint"),
    ("code", "a bash script which resizes every photo of my trip"),
    ("code", "schreibe ein python skript das dateien umbenennt"),
    ("app", "build an ios app for habit tracking"),
    ("app", "I want to make a mobile app where neighbours can lend each other tools"),
    ("app", "chrome extension that blocks youtube shorts"),
    ("app", "design a todo app with offline sync"),
    ("app", "we need a dashboard for our warehouse team"),
    ("web", "landing page for a bakery"),
    ("web", "I run a small bakery in Lyon and we finally need a website, with our menu"),
    ("web", "create a portfolio site with a photo of me on top"),
    ("web", "make a one page website in html and css for my yoga studio"),
    ("web", "crée un site web pour mon restaurant"),
    ("creative", "short story about a lighthouse keeper"),
    ("creative", "tell me a bedtime story about a shy dragon"),
    ("creative", "write the opening scene of a movie script set in a submarine"),
    ("creative", "help me with a plot twist for my novel"),
    ("creative", "escribe un cuento sobre un gato que viaja en tren"),
    ("content", "blog post about remote work"),
    ("content", "email to my landlord about the heating"),
    ("content", "write a tweet announcing our new app"),
    ("content", "draft a newsletter for our customers about the summer sale"),
    ("content", "application letter for a nursing job"),
    ("content", "cover letter for a software engineer position, I know python and react"),
    ("content", "write a product description for a handmade leather wallet"),
    ("content", "video script for a 60 second youtube ad about our app"),
    ("content", "linkedin post about my promotion"),
    ("content", "schreibe einen newsletter artikel über nachhaltigkeit"),
    ("explanation", "explain how tcp works"),
    ("explanation", "what is recursion"),
    ("explanation", "why does the moon look bigger near the horizon?"),
    ("explanation", "explain this code"),
    ("explanation", "can you please explain what this python script does"),
    ("explanation", "what's the difference between a mutex and a semaphore"),
    ("explanation", "how do I make a website for my bakery"),
    ("explanation", "i want to learn python"),
    ("explanation", "ELI5 quantum entanglement"),
    ("explanation", "hey so um how does a haiku work"),
    ("explanation", "erkläre mir bitte wie eine Wärmepumpe funktioniert"),
    ("explanation", "explique moi la photosynthèse"),
    ("explanation", "qué es la inflación"),
    ("image", "photo of a red fox in the snow"),
    ("image", "oil painting of a harbour at dawn"),
    ("image", "a dragon, cinematic lighting, 8k"),
    ("image", "draw me a cat on a skateboard"),
    ("image", "logo for a coffee shop called Moka"),
    ("image", "astronaut riding a horse, photorealistic --ar 16:9"),
    ("image", "Create an image of my dog as a knight, comic style"),
    ("image", "cozy cabin in the woods, golden hour, wide shot, highly detailed"),
    ("image", "Foto von einem alten Leuchtturm im Sturm"),
    ("general", "plan a 3 day trip to Rome"),
    ("general", "picture this scenario: you are my boss and I ask for a raise"),
    ("general", "translate this poem into German"),
    ("general", "what is a good name for a ginger cat"),
    ("general", "summarize this article in three bullet points"),
    ("general", "give me ideas for a birthday party for a six year old"),
    ("general", "what should I wear to a summer wedding"),
    ("general", "user stories for the checkout"),
    ("general", "cats"),
    ("general", "🎉🎉🎉"),
    ("general", "帮我计划一次旅行"),
]


@pytest.mark.parametrize(("expected", "prompt"), PROMPTS)
def test_the_task_is_told_from_a_prompt_as_people_write_them(expected: str, prompt: str) -> None:
    assert detect_task_type(prompt) == expected


def test_capitals_and_punctuation_make_no_difference() -> None:
    assert detect_task_type("WRITE ME A HAIKU!!!") is detect_task_type("write me a haiku") is TaskType.POETRY


def test_a_word_inside_another_word_is_no_cue() -> None:
    assert detect_task_type("happiness and apprehension in apparel logistics") is TaskType.GENERAL


def test_a_role_at_the_start_weighs_less_than_the_request_after_it() -> None:
    prompt = "You are a senior python developer. Write a blog post about code review culture for managers."
    assert detect_task_type(prompt) is TaskType.CONTENT


def test_every_cue_belongs_to_a_task_and_can_be_met_by_a_text() -> None:
    tasks = {task.value for task in TaskType}
    assert set(CUES) == tasks
    assert set(OPENINGS) <= tasks
    for table in (CUES, OPENINGS):
        for weights in table.values():
            for phrases in weights.values():
                for phrase in phrases.split(", "):
                    assert phrase == phrase.lower().strip()
                    assert phrase
                    assert "'" not in phrase
                    assert len(phrase.split()) <= 4


@settings(max_examples=100, deadline=None, database=None)
@given(st.text(max_size=300))
def test_any_text_has_one_task_and_always_the_same(text: str) -> None:
    assert detect_task_type(text) is detect_task_type(text)
