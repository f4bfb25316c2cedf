"""The summary counts what is there and names what to do next."""

import pytest

from aitelier_nb.curation.summary import summarise
from aitelier_nb.schema import Example


def example(number, rating=None, split=None, question=None, **more):
    turns = [
        {"role": "user", "content": question or f"question {number}"},
        {"role": "assistant", "content": "a"},
    ]
    return Example(id=number, messages=turns, rating=rating, split=split, **more)


def test_ratings_sides_and_the_histogram_are_counted():
    found = summarise([example(1, 9, "train"), example(2, 8, "val"), example(3, 2), example(4)], 8).to_json()
    assert (found["total"], found["rated"], found["unrated"], found["above_threshold"]) == (4, 3, 1, 2)
    assert found["split"] == {"train": 1, "val": 1, "unassigned": 2}
    assert found["histogram"] == {str(n): int(n in (2, 8, 9)) for n in range(1, 11)}


@pytest.mark.parametrize(
    ("examples", "ready", "word"),
    [
        ([], False, "ait.add"),
        ([example(n) for n in range(1, 30)], False, "ait.rate"),
        ([example(n, 3) for n in range(1, 30)], False, "rewrite"),
        ([example(n, 9) for n in range(1, 30)], True, "ait.split"),
        ([example(n, 9, "train" if n > 5 else "val") for n in range(1, 30)], True, "ait.format"),
    ],
)
def test_the_next_step_is_named(examples, ready, word):
    found = summarise(examples, 8)
    assert found.ready is ready
    assert word in found.next_step


def test_duplicates_leaks_prompts_and_raters_are_told():
    text = "how long does the delivery of a blue kettle to canada usually take"
    rated = [{"ann": 9, "bob": 8}, {"ann": 2, "bob": 3}]
    found = summarise(
        [
            example(1, 9, "val", text, ratings=rated[0]),
            example(2, 9, "train", text.replace("blue", "red"), ratings=rated[1]),
            example(3, 9, None, "x"),
            example(4, 9, None, "X!"),
        ],
        8,
    )
    assert found.leaks == [2]
    assert found.duplicates == [[3, 4]]
    assert found.raters == {"ann": 2, "bob": 2}
    assert found.agreement is not None
    told = " ".join(found.sentences())
    assert "near to validation" in told
    assert "Krippendorff" in told


def test_agreement_is_called_undefined_when_it_is():
    found = summarise([example(1, 9, ratings={"ann": 9}), example(2, 9, ratings={"bob": 9})], 8)
    assert found.agreement is None
    assert any("undefined" in sentence for sentence in found.sentences())


def test_scripts_are_counted_by_most_of_the_letters():
    asked = [
        "Where is Łódź?",
        "Где посылка? OK",
        "荷物はどこですか",
        "包裹在哪里",
        "12 + 3 = ?",
        "\uff26\uff35\uff2c\uff2c width",
    ]
    answers = [example(number, question=text) for number, text in enumerate(asked, 1)]
    found = summarise(answers, 8)
    assert found.to_json()["scripts"] == {"Latin": 3, "Cyrillic": 1, "Kana": 1, "Han": 1}
    assert "Scripts: 3 Latin, 1 Cyrillic, 1 Kana, 1 Han." in found.sentences()
    assert not any("Scripts" in sentence for sentence in summarise(answers[:1], 8).sentences())
