"""Questions about a text: as a document of articles, and as a question a row."""

import json

from aitelier_nb.formats.readers import read, read_rows

TEXT = "The mill was built in 1870."


def question(asked, *answers, **more):
    return {
        "id": asked,
        "question": asked,
        "answers": [{"text": one, "answer_start": 0} for one in answers],
        **more,
    }


def document(*questions, **more):
    paragraphs = [{"context": TEXT, "qas": list(questions)}]
    return json.dumps(
        {"version": "v2.0", "data": [{"title": "Mill", "paragraphs": paragraphs}], **more}
    ).encode()


def test_each_question_with_its_text_is_an_example_and_all_share_a_group():
    parsed = read(
        document(question("When?", "1870", "in 1870"), question("What?", "The mill")), name="train.json"
    )
    assert (parsed.format, parsed.rejected) == ("squad", [])
    assert [row["messages"] for row in parsed.rows] == [
        [{"role": "user", "content": f"{TEXT}\n\nWhen?"}, {"role": "assistant", "content": "1870"}],
        [{"role": "user", "content": f"{TEXT}\n\nWhat?"}, {"role": "assistant", "content": "The mill"}],
    ]
    assert len({row["group"] for row in parsed.rows}) == 1
    assert any("several answers, of which the first was taken (1x)" in notice for notice in parsed.notices)


def test_a_question_that_the_text_does_not_answer_is_told():
    unanswerable = question("Who?", is_impossible=True, plausible_answers=[{"text": "a miller"}])
    parsed = read(document(question("When?", "1870"), unanswerable), name="dev.json")
    assert len(parsed.rows) == 1
    assert "questions that their text does not answer were left out (1x)" in parsed.notices


def test_a_bad_question_is_rejected_by_itself():
    parsed = read(document(question("When?", "1870"), question(" ", "x"), "no object"), name="train.json")
    assert len(parsed.rows) == 1
    first, second = parsed.rejected
    assert first.reason == "question is empty"
    assert second.reason.startswith("no known columns")


def test_rows_of_a_data_set_are_read_too():
    rows = [
        {"id": "1", "title": "Mill", "context": TEXT, "question": "When?", "answers": {"text": ["1870"], "answer_start": [22]}},
        {"id": "2", "title": "Mill", "context": TEXT, "question": "Who?", "answers": {"text": [], "answer_start": []}},
        {"id": "3", "title": "Mill", "context": TEXT, "question": "Why?", "answers": 5},
    ]  # fmt: skip
    parsed = read_rows(rows)
    assert (len(parsed.rows), len(parsed.rejected)) == (1, 1)


def test_a_context_beside_one_answer_is_no_such_row():
    row = {"context": TEXT, "question": "When?", "answer": "1870"}
    assert read_rows([row]).format == "question-answer"
