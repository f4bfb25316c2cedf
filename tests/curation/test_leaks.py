"""Neither a validation example nor anything near to it is trained on."""

import random

import pytest

from aitelier_nb.curation import leaks
from aitelier_nb.curation.near import Held
from aitelier_nb.schema import Example

SENTENCE = "could you please tell me how long the delivery of a blue kettle to canada usually takes"


def example(number, question, group=None, answer="Fine."):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Example(id=number, messages=turns, group=group)


def kinds(train, held):
    return {number: leak.kind for number, leak in leaks.find(train, held).items()}


def corpus(seed, texts, vocabulary=4000, short=8, long=120):
    """Texts of words with the frequencies of a language (Zipf)."""
    chance = random.Random(seed)
    words = [f"w{n}" for n in range(vocabulary)]
    weights = [1 / (n + 1) for n in range(vocabulary)]
    return [chance.choices(words, weights, k=chance.randint(short, long)) for _ in range(texts)]


def changed(words, share, seed):
    chance = random.Random(seed)
    words = list(words)
    for place in chance.sample(range(len(words)), round(share * len(words))):
        words[place] = f"new{chance.randint(0, 9999)}"
    return words


def test_a_duplicate_is_found_whatever_its_case_spaces_and_punctuation():
    shouted = SENTENCE.upper().replace(" ", "  ") + "?!"
    assert kinds([example(1, shouted, answer="Other.")], [example(9, SENTENCE)]) == {1: "exact"}


def test_an_example_of_the_same_group_is_found():
    assert kinds([example(1, "a", "customer 4"), example(2, "b")], [example(9, "c", "customer 4")]) == {
        1: "group"
    }


def test_a_text_with_one_changed_word_in_the_middle_is_found():
    assert kinds([example(1, SENTENCE.replace("blue", "red"))], [example(9, SENTENCE)]) == {1: "near"}


def test_a_text_that_holds_the_whole_validation_text_is_found():
    longer = f"Dear all, {SENTENCE} and besides {' '.join(f'word{n}' for n in range(100))}"
    assert kinds([example(1, longer)], [example(9, SENTENCE)]) == {1: "near"}


def test_half_of_the_8_grams_is_enough_and_less_is_not():
    words = [f"w{n}" for n in range(27)]  # 20 8-grams
    filler = [f"x{n}" for n in range(60)]
    half, less = words[:17] + filler, words[:16] + filler
    assert list(Held([words]).near([half])) == [(0, 0, 0.5)]
    assert list(Held([words]).near([less])) == []


def test_under_eight_words_only_equality_counts():
    held = [example(9, "how do I change my password")]
    assert kinds(
        [example(1, "how do I change my email"), example(2, "How do I change my password?")], held
    ) == {2: "exact"}


def test_answers_and_system_prompts_do_not_count():
    held = [example(9, "what is a kettle", answer=SENTENCE)]
    assert kinds([example(1, "what is a boiler", answer=SENTENCE)], held) == {}


def test_nothing_leaks_when_nothing_is_held():
    assert kinds([example(1, SENTENCE)], []) == {}


@pytest.mark.parametrize(("share", "least"), [(0, 1.0), (0.02, 1.0), (0.05, 1.0), (0.1, 0.9)])
def test_edited_copies_are_found(share, least):
    texts = corpus(1, 400)
    held = Held([changed(text, share, seed) for seed, text in enumerate(texts)])
    found = {(near.text, near.held) for near in held.near(texts)}
    assert sum((n, n) in found for n in range(400)) / 400 >= least


def test_unrelated_texts_are_not_flagged():
    held = Held(corpus(2, 300))
    assert len(list(held.near(corpus(3, 3000)))) <= 0.01 * 3000


def test_a_long_instruction_before_every_text_does_not_make_them_near():
    task = [f"task{n}" for n in range(60)]
    held = Held([task + text for text in corpus(4, 100, short=10, long=40)])
    assert list(held.near([task + text for text in corpus(5, 500, short=10, long=40)])) == []


def test_under_a_long_instruction_edited_copies_are_still_found():
    task = [f"task{n}" for n in range(60)]
    texts = corpus(4, 100, short=20, long=40)
    held = Held([task + changed(text, 0.05, seed) for seed, text in enumerate(texts)])
    found = {(near.text, near.held) for near in held.near([task + text for text in texts])}
    assert {(n, n) for n in range(100)} <= found


def test_the_result_does_not_depend_on_how_many_texts_are_compared_at_once():
    texts = corpus(6, 50)
    held = Held(texts[:10])
    together = [(near.text, near.held) for near in held.near(texts)]
    alone = [(place, near.held) for place, text in enumerate(texts) for near in held.near([text])]
    assert together == alone
