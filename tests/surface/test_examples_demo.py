"""The shipped demo project keeps its promises: one style, mechanically checkable, and nothing said twice."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from aitelier_nb.curation import duplicates, leaks
from aitelier_nb.formats import readers, rules
from aitelier_nb.schema import Example

SHIPPED = files("aitelier_nb").joinpath("demo_project")
ABOUT = json.loads(SHIPPED.joinpath("about.json").read_text("utf-8"))
DATA = SHIPPED.joinpath("support.jsonl").read_bytes()
ROWS = [json.loads(line) for line in DATA.splitlines()]
STYLE = re.compile(ABOUT["measure"]["pattern"])
THRESHOLD = ABOUT["qualityThreshold"]
GOOD = [row for row in ROWS if row["rating"] >= THRESHOLD]


def answer(row):
    return row["messages"][-1]["content"]


def body(row):
    return answer(row).split("] ", 1)[-1].removesuffix("\nHappy growing, Fernlight")


def test_there_are_enough_examples_to_train_on_and_to_hold_out():
    assert len(ROWS) >= 200
    assert len(GOOD) >= 160
    assert len(ROWS) - len(GOOD) >= 30


def test_an_answer_is_in_the_house_style_exactly_when_it_is_rated_at_or_above_the_threshold():
    for row in ROWS:
        assert bool(STYLE.search(answer(row))) == (row["rating"] >= THRESHOLD), answer(row)


@pytest.mark.parametrize(
    "text",
    [
        "[BILLING | P2] I refunded the second charge today.",
        "[BILLING] I refunded the second charge today.\nHappy growing, Fernlight",
        "[Billing | P2] I refunded the second charge today.\nHappy growing, Fernlight",
        "[SHIPPING | P2] I refunded the second charge today.\nHappy growing, Fernlight",
        "[BILLING | P4] I refunded the second charge today.\nHappy growing, Fernlight",
        "[BILLING | P2] \nHappy growing, Fernlight",
        "[BILLING | P2] I refunded the second charge today\nHappy growing, Fernlight",
        "[BILLING | P2] I refunded the second charge today. Happy growing, Fernlight",
        "Sure! [BILLING | P2] I refunded the second charge today.\nHappy growing, Fernlight",
        "[BILLING | P2] I refunded the second charge today.\nHappy growing, Fernlight\nAnything else?",
        "[BILLING | P2] I refunded it today.\n[BILLING | P2] Yes.\nHappy growing, Fernlight",
        "",
    ],
)
def test_what_is_close_to_the_house_style_does_not_count(text):
    assert not STYLE.search(text)


def test_tags_and_urgency_are_all_in_use():
    tags = [STYLE.search(answer(row)).group(1) for row in GOOD]
    assert {tag: tags.count(tag) >= 15 for tag in set(tags)} == dict.fromkeys(
        ("ACCOUNT", "BILLING", "DELIVERY", "DEVICE", "PLANTS"), True
    )
    assert {re.search(r"P\d", answer(row)).group() for row in GOOD} == {"P1", "P2", "P3"}


def test_no_message_and_no_answer_is_said_twice():
    for texts in (
        [row["messages"][1]["content"] for row in ROWS],
        [body(row) for row in ROWS],
        [body(row)[:24] for row in GOOD],
    ):
        assert len({duplicates.normalise(text) for text in texts}) == len(texts)


def test_answers_differ_in_their_words_and_not_only_in_a_name():
    def runs(text):
        words = duplicates.normalise(text).split()
        return {tuple(words[place : place + 8]) for place in range(len(words) - 7)}

    seen = [runs(body(row)) for row in GOOD]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_no_example_is_a_near_duplicate_of_another():
    examples = [Example(id=place, **row) for place, row in enumerate(ROWS, start=1)]
    for place in range(4):
        train = [example for example in examples if example.id % 4 != place]
        validation = [example for example in examples if example.id % 4 == place]
        assert leaks.find(train, validation) == {}


def test_all_examples_share_the_system_prompt_and_are_one_exchange():
    for row in ROWS:
        assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
        assert row["messages"][0]["content"] == ABOUT["systemPrompt"]


def test_the_importer_takes_every_line_and_the_strictest_rules_pass():
    parsed = readers.read(DATA, name="support.jsonl")
    assert (len(parsed.rows), parsed.rejected) == (len(ROWS), [])
    chat = "".join(json.dumps({"messages": row["messages"]}) + "\n" for row in GOOD).encode()
    for provider in ("local", "together", "openai", "fireworks"):
        assert rules.check(chat, provider) == []


def test_the_instruction_of_the_prompted_baseline_names_every_part_of_the_style():
    instruction = ABOUT["prompted"]["instruction"]
    for part in (
        "ACCOUNT",
        "BILLING",
        "DELIVERY",
        "DEVICE",
        "PLANTS",
        "P1",
        "P2",
        "P3",
        "Happy growing, Fernlight",
    ):
        assert part in instruction
    assert ABOUT["prompted"]["shots"] >= 3
