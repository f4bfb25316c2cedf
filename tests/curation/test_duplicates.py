"""Equal questions are recognised as equal, and only these."""

import random
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitelier_nb.curation.duplicates import groups, key, key_of, normalise, tally_of, words
from aitelier_nb.storage.questions import tally, worth


def asked(text):
    return key([{"role": "user", "content": text}, {"role": "assistant", "content": "whatever"}])


@pytest.mark.parametrize(
    "variant",
    [
        "HELLO, world!",
        "hello   world",
        "Hello\tworld\n",
        "“Hello” – world…",  # noqa: RUF001
        "ｈｅｌｌｏ ｗｏｒｌｄ",  # noqa: RUF001
        "hello-world",
        "helloworld",
    ],
)
def test_case_spaces_punctuation_and_width_do_not_count(variant):
    assert asked(variant) == asked("Hello world")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 + 23", "12 + 3"),
        ("1, 23", "12, 3"),
        ("3.14", "314"),
        ("a + b", "a b"),
        ("?", "!"),
        ("🙂", "🙁"),
        ("की", "का"),
    ],
)
def test_what_means_something_else_is_no_duplicate(one, other):
    assert asked(one) != asked(other)


def test_only_user_turns_count_and_all_of_them():
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    other = [{"role": "system", "content": "x"}, turns[0], {"role": "assistant", "content": "y"}, turns[2]]
    assert key(turns) == key(other)
    assert key(turns) != key(turns[:2])
    assert key(turns) != asked("ac")


def test_pictures_count():
    def picture(url):
        return key([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])

    assert picture("data:a") != picture("data:b")


def test_conversations_without_user_turns_are_compared_whole():
    assert key([{"role": "assistant", "content": "a"}]) != key([{"role": "assistant", "content": "b"}])


def test_chinese_is_read_character_by_character():
    assert words("你好吗 ok") == ["你", "好", "吗", "ok"]


def test_groups_hold_two_and_more_in_order():
    assert groups([(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "b")]) == [[1, 3], [2, 5]]


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet=st.characters(codec="utf-8")), st.integers(0, 10**6))
def test_added_punctuation_and_spaces_never_hide_a_duplicate(text, seed):
    chance = random.Random(seed)
    letters = [char for char in text if unicodedata.category(char)[0] in "LNS"]
    plain = " ".join(letters)
    noisy = "".join(char + chance.choice(string.whitespace + ".,;:!?'\"()-") for char in letters)
    if not any(a.isdigit() for a in plain):
        assert asked(noisy) == asked(plain)


def test_any_text_has_a_key_even_half_a_character():
    assert asked("\ud83d") == asked("\ud83d")


def spelt_out(text):
    """What a text is compared by, a character at a time."""
    plain = normalise(text)
    if not plain:
        return " ".join(text.split())
    return "".join(
        char
        for place, char in enumerate(plain)
        if char != " " or (plain[place - 1].isdecimal() and plain[place + 1].isdecimal())
    )


TIGHT = st.text(alphabet="aB1 2.,-?\t\n\x1c+$_é٣") | st.text()


@given(st.lists(TIGHT, min_size=1, max_size=2), st.lists(TIGHT, min_size=1, max_size=2))
def test_keys_are_equal_exactly_where_the_texts_spelt_out_are(one, other):
    same = [*map(spelt_out, one)] == [*map(spelt_out, other)]
    assert (key_of(one) == key_of(other)) == same
    respaced = [text.replace(" ", "  ").upper() if text.isascii() else text for text in one]
    assert key_of(respaced) == key_of(one)


TURNS = st.lists(
    st.text(st.characters(codec=None) | st.sampled_from("aA1 .ﬁß-\u0130"), max_size=12),
    min_size=1,
    max_size=3,
)


@given(st.lists(TURNS, max_size=5), st.lists(st.sampled_from([" ", "-", "…", "\n"]), max_size=4))
def test_questions_with_one_key_have_one_tally(several, gaps):
    """The tally stands in for the key: it may be one for two questions, but never two for one."""
    asked_again = [
        [gaps[0] + turn.upper() + "".join(gaps) if gaps else turn for turn in turns] for turns in several
    ]
    found = tally([*several, *asked_again]).tolist()
    by_key = {}
    for turns, number in zip([*several, *asked_again], found, strict=True):
        assert by_key.setdefault(key_of(turns), number) == number
        assert tally_of([{"role": "user", "content": turn} for turn in turns]) == number
    assert tally_of([{"role": "user", "content": "Hello"}]) != tally_of([{"role": "user", "content": "Help"}])


def test_no_step_of_normalising_changes_the_worth_of_a_letter():
    """So texts with one spelling have one tally, whatever they are composed of."""
    for char in map(chr, range(0x30000)):  # no letter above it is made of others
        forms = {unicodedata.normalize(form, char) for form in ("NFD", "NFKD", "NFKC")} | {char.casefold()}
        for form in forms - {char}:
            assert sum(map(worth, form)) % 2**64 == worth(char), (char, form)
