from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.reports.distances import change, edits

TEXT = st.text(alphabet="abé 🙂", max_size=12)


def by_the_book(before: str, after: str) -> int:
    row = list(range(len(after) + 1))
    for i, left in enumerate(before, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(after, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


@given(TEXT, TEXT)
@settings(max_examples=300, deadline=None)
def test_the_distance_is_that_of_the_plain_recursion(before: str, after: str):
    assert edits(before, after) == by_the_book(before, after)


def test_texts_longer_than_a_machine_word_are_measured_whole():
    assert edits("a" * 500 + "b", "a" * 400) == 101


def test_the_change_of_equal_texts_is_none_and_of_other_texts_all():
    assert (change("same", "same"), change("", ""), change("abc", "xyz")) == (0, 0, 1)
