import json
import random
import re
import shutil
from pathlib import Path

import pytest

from aitelier_nb.errors import AitelierError, ReportError
from aitelier_nb.reports.publication import write
from aitelier_nb.reports.verification import Verification, verify
from aitelier_nb.storage.project import Project, open_project

EDITS = 200


def test_a_report_verifies_against_the_project_that_it_was_made_from(compared: Project):
    write(compared)
    found = verify(compared)
    assert found.ok, found.text()
    assert found.answers == 30
    assert not found.failed()


def test_a_clone_without_the_local_folder_verifies_too(compared: Project, tmp_path: Path):
    write(compared)
    clone = shutil.copytree(compared.path, tmp_path / "clone", ignore=shutil.ignore_patterns(".aitelier"))
    assert verify(open_project(clone)).ok


def test_a_changed_rating_is_named_by_example_field_and_line(compared: Project):
    write(compared)
    path = compared.path / "data" / "examples.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[16] = lines[16].replace(b'"rating":10', b'"rating":9')
    path.write_bytes(b"\n".join(lines))
    first = verify(open_project(compared.path)).differences[0]
    assert (first.file, first.line, first.id, first.field) == ("data/examples.jsonl", 17, 17, "rating")


def test_what_follows_from_a_change_is_listed_and_nothing_that_comes_out_as_it_was(compared: Project):
    write(compared)
    compared.dataset.set_rating(17, 9)
    compared.dataset.fold()
    told = [str(difference) for difference in verify(compared).differences]
    assert any("data.histogram" in one for one in told)
    assert not [
        one for one in told if "says" in one and len(set(re.split("says |, comes out as ", one)[1:])) == 1
    ]


def test_a_vote_that_was_turned_is_named(compared: Project):
    write(compared)
    [path] = compared.evals_path.glob("*.votes.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"left"', b'"tie"', 1))
    found = verify(open_project(compared.path))
    assert found.differences[0].file == f"data/evals/{path.name}"
    assert found.differences[0].field == "choice"
    assert found.differences[0].id is not None


def test_a_study_that_was_changed_counts_for_nothing_and_says_so(compared: Project):
    [path] = compared.evals_path.glob("compare-*.json")
    path.write_bytes(path.read_bytes().replace(b'"alpha": 0.05', b'"alpha": 0.5'))
    report = write(compared)
    assert report.facts["verdict"]["outcome"] == "measured"
    assert any("changed after the fact" in told for told in report.facts["limits"])
    assert "changed after the fact" in str(verify(compared).differences[0])


def test_what_was_forgotten_is_named_and_a_report_made_anew_verifies(compared: Project):
    write(compared)
    compared.dataset.forget(4)
    told = verify(compared)
    assert not told.ok
    assert any("example 4 was forgotten on" in note for note in told.notes())
    assert not any("after the fact" in str(difference) for difference in told.differences)
    write(compared)
    told = verify(compared)
    assert told.ok, told.differences
    assert "1 pairs were forgotten since" in (compared.path / "report.html").read_text("utf-8")


def test_a_forged_answer_is_noticed_even_when_the_report_was_written_after_it(compared: Project):
    [path] = compared.evals_path.glob("eval-*.json")
    content = json.loads(path.read_bytes())
    row = next(
        row
        for row in content["answers"]
        if row["contestant"] == "tuned" and not row["measures"]["house style"]
    )
    row["text"] += "\nHappy growing!"
    row["measures"]["house style"] = 1.0
    path.write_text(json.dumps(content))
    write(compared)
    [forged] = verify(compared).differences
    assert forged.id == row["id"]
    assert "not the answer that was recorded" in forged.told


def test_a_check_that_was_turned_is_noticed_even_when_the_report_was_written_after_it(compared: Project):
    [path] = compared.evals_path.glob("eval-*.json")
    path.write_bytes(path.read_bytes().replace(b'"house style": 0', b'"house style": 1', 1))
    write(compared)
    assert "comes out as 0" in verify(compared).differences[0].told


def test_a_number_that_was_polished_in_the_page_or_the_values_is_named(compared: Project):
    report = write(compared)
    page, values = report.path.read_bytes(), report.json_path.read_bytes()
    report.path.write_bytes(page.replace(b"90.0", b"99.0", 1))
    [difference] = verify(compared).differences
    assert (difference.file, difference.told) == ("report.html", "not what its values give")
    report.path.write_bytes(page)
    report.json_path.write_bytes(values.replace(b'"total": 40', b'"total": 41'))
    [difference] = verify(compared).differences
    assert (difference.field, difference.told) == ("data.total", "says 41, comes out as 40")


def test_an_answer_recorded_after_the_report_is_told_and_breaks_nothing(compared: Project):
    write(compared)
    path = compared.recordings_path / "gardener.jsonl"
    first = path.read_bytes().split(b"\n")[0]
    path.write_bytes(path.read_bytes() + first.replace(b'{"fingerprint": "', b'{"fingerprint": "0') + b"\n")
    found = verify(compared)
    assert [d.file for d in found.differences] == []
    assert any("1 line was added after the report" in note for note in found.told)


def test_a_missing_report_says_how_to_write_one(project: Project):
    with pytest.raises(ReportError, match="there is no report"):
        verify(project)


def edited(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    match chance.randrange(3):
        case 0:
            return data[:place] + bytes([(data[place] + chance.randrange(1, 256)) % 256]) + data[place + 1 :]
        case 1:
            return data[:place] + data[place + 1 :]
        case _:
            return data[:place] + bytes([chance.randrange(256)]) + data[place:]


def noticed(project: Path) -> Verification | AitelierError:
    try:
        return verify(open_project(project))
    except AitelierError as error:
        return error


def test_of_two_hundred_single_byte_edits_at_least_199_are_noticed_and_located(compared: Project):
    write(compared)
    compared.close()
    chance = random.Random(20261122)
    files = [
        path for path in sorted(compared.path.rglob("*")) if path.is_file() and ".aitelier/" not in str(path)
    ]
    files = [path for path in files if path.name != ".gitignore" and path.stat().st_size]
    missed, elsewhere = [], []
    for _ in range(EDITS):
        path = chance.choice(files)
        before = path.read_bytes()
        after = edited(before, chance)
        path.write_bytes(after)
        found = noticed(compared.path)
        path.write_bytes(before)
        name = path.relative_to(compared.path).as_posix()
        if isinstance(found, Verification) and found.ok and after != before:
            missed.append((name, before, after))
        elif name not in str(found if isinstance(found, AitelierError) else found.differences[0]):
            elsewhere.append((name, str(found)))
    assert len(missed) <= 1, missed[0][0]
    assert len(elsewhere) <= 1, elsewhere
