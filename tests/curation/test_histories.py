"""Random histories in two processes: nobody, and no duplicate of anybody, goes from validation to training."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import aitelier_nb as ait
from aitelier_nb.curation import candidates, duplicates, leaks, splits
from aitelier_nb.errors import AitelierError
from aitelier_nb.schema import Example
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


def ask(project, chosen, chance):
    """Let an example, one of validation if there is any, ask something else, or a new one what it asked."""
    held = [example.id for example in project.dataset.examples() if example.split == "val"]
    chosen = chance.choice(held) if held else chosen
    edits = [edit.before or {} for edit in project.dataset.history(chosen)]
    asked = [before["messages"][0]["content"] for before in edits if "messages" in before]
    if asked and chance.random() < 0.5:
        ait.add(chance.choice(asked), f"Recalled {chance.random()}", rating=9, project=project)
        return
    turns = project.dataset.get(chosen).to_json()["messages"]
    turns[0]["content"] = " ".join(chance.choices(WORDS, k=4))
    project.dataset.set_messages(chosen, turns, rating=chance.choice([9, 10]))


def act(project, chance):  # noqa: C901 - one branch for each thing
    """Do one thing that people do."""
    ids = [example.id for example in project.dataset.examples()]
    chosen = chance.choice(ids) if ids else None
    doing = chance.choice(
        [
            *("add", "add", "add", "duplicate", "rate", "rate", "rewrite", "delete", "undo", "split"),
            *("reorder", "ask", "ask", "ask"),
        ]
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
    elif doing == "ask":
        ask(project, chosen, chance)
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
    for example in held:
        was_validation.setdefault((example.id, example.created_at), set()).add(
            duplicates.key(example.messages)
        )
    trained = {duplicates.key(json.loads(line)["messages"]) for line in contents.train}
    assert not trained & set().union(*was_validation.values())
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


THRESHOLD = 8
LINE = {"rating": None, "split": None, "group": None}


class Simulated:
    """A project without its files: lines as two processes see them, and all who ever were validation."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.rows = []
        self.deleted = []
        self.was_validation = {}
        self.last_id = 0

    def add(self, question, **more):
        self.last_id += 1
        turns = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"answer {self.chance.random()}"},
        ]
        self.rows.append({"id": self.last_id, "messages": turns, **LINE, **more})

    def step(self):
        """Do one thing that people do."""
        chance = self.chance
        doing = chance.choice(
            ["add", "add", "duplicate", "rate", "rate", "rewrite", "delete", "reorder", "split", "split"]
        )
        row = chance.choice(self.rows) if self.rows else None
        rating = chance.choice([None, 5, 8, 9, 10])
        if doing == "add" or row is None:
            for _ in range(chance.randint(1, 6)):
                question = " ".join(chance.choices(WORDS, k=chance.randint(1, 9)))
                self.add(question, rating=rating, group=chance.choice([None, None, "a", "b"]))
        elif doing == "duplicate":
            self.add(row["messages"][0]["content"].upper() + " !", rating=rating)
        elif doing == "rate":
            row["rating"] = rating
        elif doing == "rewrite":
            row["messages"][1] = {"role": "assistant", "content": "better"}
        elif doing == "delete":
            self.rows.remove(row)
            self.deleted += [row] if row["split"] == "val" else []
        elif doing == "reorder":
            chance.shuffle(self.rows)
        else:
            self.split()

    def split(self):
        """Split as the verb does, from the lines as they stand; the seed may be another each time."""
        gone = {duplicates.key(row["messages"]) for row in self.deleted}
        lines = [json.dumps(row).encode() for row in self.rows]
        columns, held = candidates.read(lines, threshold=THRESHOLD, locked_keys=gone)
        with contextlib.suppress(AitelierError):
            found = splits.assign_columns(
                columns,
                threshold=THRESHOLD,
                seed=self.chance.randrange(3),
                ratio=self.chance.choice([0.5, 0.8, 0.95]),
                held=held,
            )
            for row in self.rows:
                row["split"] = found.splits.get(row["id"], row["split"])

    def look(self):
        """Compare what would be trained on with all who ever were validation."""
        kept = {row["id"]: row["split"] for row in self.rows}
        assert [name for name in self.was_validation if kept.get(name, "val") != "val"] == []
        self.was_validation |= {
            row["id"]: duplicates.key(row["messages"]) for row in self.rows if row["split"] == "val"
        }
        good = [row for row in self.rows if row["split"] == "train" and (row["rating"] or 0) >= THRESHOLD]
        held = [row for row in self.rows if row["split"] == "val"] + self.deleted
        leaked = leaks.find(map(Example.model_validate, good), map(Example.model_validate, held))
        trained = {duplicates.key(row["messages"]) for row in good if row["id"] not in leaked}
        assert not trained & set(self.was_validation.values())


def test_in_a_thousand_simulated_histories_validation_never_gets_into_training():
    for seed in range(1000):
        simulated = Simulated(seed)
        for _ in range(simulated.chance.randint(5, 25)):
            simulated.step()
        simulated.look()
        simulated.split()
        simulated.look()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
