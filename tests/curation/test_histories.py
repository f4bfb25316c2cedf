"""Random histories in two processes: nobody, and no duplicate of anybody, goes from validation to training."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import aitelier_nb as ait
from aitelier_nb.curation import duplicates
from aitelier_nb.errors import AitelierError
from aitelier_nb.tuning import training_files

WORDS = [
    "kettle",
    "parcel",
    "order",
    "refund",
    "invoice",
    "Canada",
    "address",
    "late",
    "broken",
    "blue",
    "red",
    "number",
    "please",
    "where",
    "when",
]


def act(project, chance):
    """Do one thing that people do."""
    ids = [example.id for example in project.dataset.examples()]
    chosen = chance.choice(ids) if ids else None
    doing = chance.choice(
        ["add", "add", "add", "duplicate", "rate", "rate", "rewrite", "delete", "undo", "split", "reorder"]
    )
    if doing == "add" or chosen is None:
        for _ in range(chance.randint(1, 4)):
            question = " ".join(chance.choices(WORDS, k=chance.randint(2, 12)))
            ait.add(
                question,
                f"Answer {chance.random()}",
                rating=chance.choice([None, 5, 8, 9, 10]),
                project=project,
            )
    elif doing == "duplicate":
        question = project.dataset.get(chosen).input
        again = question.upper() + "!" if chance.random() < 0.5 else question
        ait.add(again, f"Other {chance.random()}", rating=9, project=project)
    elif doing == "rate":
        ait.set_rating(chosen, chance.randint(5, 10), project=project)
    elif doing == "rewrite":
        ait.rewrite(chosen, f"Better {chance.random()}", rating=chance.choice([3, 9]), project=project)
    elif doing == "delete":
        ait.delete(chosen, project=project)
    elif doing == "undo":
        ait.undo(project=project)
    elif doing == "split":
        ait.split(ratio=chance.choice([0.5, 0.8]), project=project)
    elif doing == "reorder":
        project.dataset.fold()
        path = project.path / "data" / "examples.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        chance.shuffle(lines)
        path.write_bytes(b"".join(lines))
    project.dataset.fold()


def serve(folder):
    """Do what is asked for on standard input, a seed a line, and answer when it is done."""
    for seed in sys.stdin:
        with (
            ait.open(folder)
            if hasattr(ait.Project, "__enter__")
            else contextlib.closing(ait.open(folder)) as project,
            contextlib.suppress(AitelierError),
        ):  # nothing to undo, too few to split: also a history
            act(project, random.Random(int(seed)))
        sys.stdout.write('"done"\n')
        sys.stdout.flush()


def look(folder, was_validation):
    """Compare the training file with all who ever were validation; return these, the new ones included."""
    with contextlib.closing(ait.open(folder)) as project:
        contents = training_files.build(project, "together")
        held = [example for example in project.dataset.examples() if example.split == "val"]
        sides = {(example.id, example.created_at): example.split for example in project.dataset.examples()}
    moved = [name for name in was_validation if sides.get(name, "val") != "val"]
    assert moved == []
    was_validation |= {(e.id, e.created_at): duplicates.key(e.messages) for e in held}
    trained = {duplicates.key(json.loads(line)["messages"]) for line in contents.train}
    assert not trained & set(was_validation.values())
    return was_validation


def run_histories(tmp_path, seeds, steps):
    for seed in seeds:
        folder = tmp_path / str(seed)
        ait.init("histories", path=folder).close()
        other = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        chance = random.Random(seed)
        was_validation = {}
        try:
            for _ in range(steps):
                if chance.random() < 0.5:
                    other.stdin.write(f"{chance.randrange(10**9)}\n")
                    other.stdin.flush()
                    assert json.loads(other.stdout.readline())
                else:
                    with contextlib.closing(ait.open(folder)) as project, contextlib.suppress(AitelierError):
                        act(project, random.Random(chance.randrange(10**9)))
                was_validation = look(folder, was_validation)
        finally:
            other.stdin.close()
            other.wait(timeout=30)
            other.stdout.close()


def test_in_a_few_random_histories_validation_never_gets_into_training(tmp_path):
    run_histories(tmp_path, range(2), 20)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
