"""Kills a process that edits a project, again and again, and looks at what is left.

    python crashing.py FOLDER KILLS [SEED [BYTES OF A SHARD]]

The editing process writes down each edit that was acknowledged. It dies by SIGKILL while it rates,
folds, builds the mirror, splits or formats, each in its turn; half the time at a random moment, half
the time in the middle of one of its own writes, with some of the bytes on the disk. What is left must
be the state after the last acknowledged edit, or after the one that was under way.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd  # noqa: F401 - loaded before the first fork
import pyarrow.parquet  # noqa: F401

from aitelier_nb.errors import AitelierError
from aitelier_nb.schema import Config
from aitelier_nb.storage import following, sharding
from aitelier_nb.storage.project import create, open_project
from aitelier_nb.verbs import formatting as verbs

EDITS = 60
STRUCK = ("rate", "fold", "mirror", "split", "format")  # what is under way when the kill comes
KINDS = ["rate"] * 6 + [
    "rewrite",
    "annotate",
    "add",
    "add",
    "delete",
    "undo",
    *("split", "fold", "mirror", "format") * 2,
]


def conversation(text):
    return {
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "fine " + text * 9}]
    }


def planned(seed, state):
    """Return a history of edits as (kind, place, value) with the state after each, from a state on.

    A state is the list of [rating, output, note, split] of all examples, by rising id; a place
    counts in it.
    """
    chance = random.Random(seed)
    plan, states, before = [], [state], []
    for step in range(EDITS):
        kind, value = chance.choice(KINDS), chance.randrange(1, 11)
        if kind == "undo" and (not before or before[-1] is None):
            kind = "fold"  # a split stands
        if not state and kind in ("rate", "rewrite", "annotate", "delete", "split"):
            kind = "add"
        place = chance.randrange(len(state) or 1)
        after = before.pop() if kind == "undo" else changed(state, seed, kind, place, value, step)
        if kind != "undo" and after != state:
            before.append(state if kind != "split" else None)
        plan.append((kind, place, value, step))
        states.append(after)
        state = after
    return plan, states


def changed(state, seed, kind, place, value, step):
    """Return the state after an edit."""
    after = [list(fields) for fields in state]
    if kind == "rate":
        after[place][0] = value
    elif kind == "rewrite":
        after[place][:2] = [None, f"{seed} {step}"]
    elif kind == "annotate":
        after[place][2] = f"note {seed} {step}"
    elif kind == "delete":
        del after[place]
    elif kind == "split":
        for number, fields in enumerate(after):
            fields[3] = side(number, value)
    elif kind == "add":
        answers = [conversation(f"{seed} {step} {n}")["messages"][1]["content"] for n in range(value)]
        after += [[None, answer, None, None] for answer in answers]
    return after


def side(number, value):
    return "train" if (number + value) % 2 else "val"


def apply(project, seed, kind, place, value, step):
    dataset = project.dataset
    ids = sorted(dataset.ids())
    works = {
        "rate": lambda: dataset.set_rating(ids[place], value),
        "rewrite": lambda: dataset.rewrite(ids[place], f"{seed} {step}"),
        "annotate": lambda: dataset.annotate(ids[place], note=f"note {seed} {step}"),
        "delete": lambda: dataset.delete(ids[place]),
        "split": lambda: dataset.set_splits(
            {one: side(number, value) for number, one in enumerate(ids)}, reshuffle=True
        ),
        "add": lambda: dataset.add([conversation(f"{seed} {step} {n}") for n in range(value)]),
        "undo": dataset.undo,
        "fold": dataset.fold,
        "mirror": dataset.mirror,
        "format": lambda: formatted(project),
    }
    works[kind]()


def formatted(project):
    """Write the training files, where there is something to write."""
    with contextlib.suppress(AitelierError):
        verbs.format(project=project, min_rating=1)


def state_of(project):
    examples = sorted(project.dataset.examples(), key=lambda example: example.id)
    return [[example.rating, example.output, example.note, example.split] for example in examples]


def dying_in_a_write(chance):
    """Let one of the next writes of this process stop in its middle and kill it."""
    left = chance.randrange(1, 9)

    def dying(call, shorten):
        def wrapped(*words):
            nonlocal left
            left -= 1
            if left <= 0:
                shorten(*words)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*words)

        return wrapped

    write, copy, none = os.write, os.copy_file_range, lambda *_: None
    os.write = dying(write, lambda where, data: write(where, bytes(data)[: chance.randrange(len(data) + 1)]))
    os.copy_file_range = dying(copy, lambda a, b, size, at: copy(a, b, chance.randrange(size), at))
    os.ftruncate = dying(os.ftruncate, none)
    os.fsync = dying(os.fsync, none)
    os.replace = dying(os.replace, none)


def edit_until_killed(folder, seed, state, acknowledged):
    chance = random.Random(seed)
    struck, spared = STRUCK[seed // 2 % len(STRUCK)], chance.randrange(3)
    project = open_project(folder)
    for kind, place, value, step in planned(seed, state)[0]:
        spared -= kind == struck
        if kind == struck and spared < 0:
            os.pwrite(acknowledged, b"x", 1)
            if seed % 2:
                dying_in_a_write(chance)
                spared = EDITS
        apply(project, seed, kind, place, value, step)
        os.pwrite(acknowledged, bytes([step + 1]), 0)
    time.sleep(10)


def in_a_child(work):
    """Run some work in a forked process and return its id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - the child has nobody else to tell
        print(type(error).__name__, error, file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def check(folder, seed, state, done, result):
    """See that what is left is a state that was promised, in lines and in the mirror."""
    plan, states = planned(seed, state)
    with open_project(folder) as project:
        left = state_of(project)
        frame = project.dataset.frame(text=True).sort_values("id")
        assert not project.dataset.problems(), project.dataset.problems()
        allowed = states[done : done + 2]
        if len(allowed) > 1 and plan[done][0] == "add":  # the first few lines may be there
            allowed += [allowed[1][:count] for count in range(len(allowed[0]), len(allowed[1]))]
        near = [
            [pair for pair in zip(left, each, strict=False) if pair[0] != pair[1]][:3] for each in allowed
        ]
        assert left in allowed, f"seed {seed}: after {done} edits, under {plan[done]}: {len(left)} {near}"
        assert frame["output"].tolist() == [fields[1] for fields in left]
    shards = sorted((folder / "data" / "examples").glob("*.jsonl"))
    raw = b"".join(path.read_bytes() for path in [project.dataset.path, *shards])
    assert raw.endswith(b"\n") or not left
    for path in (folder / "data" / "train.jsonl", folder / "data" / "val.jsonl"):
        written = path.read_bytes()
        assert all(json.loads(line)["messages"] for line in written.splitlines())
        assert not written or written.endswith(b"\n")
    assert len({json.loads(line)["id"] for line in raw.splitlines()}) == len(left)
    result.write_text(json.dumps(left))


def kill_once(folder, seed, state):
    """Kill one editing process; return the state that is left, and what was done when it died."""
    acknowledged = os.open(folder / ".acknowledged", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    child = in_a_child(lambda: edit_until_killed(folder, seed, state, acknowledged))
    end = time.monotonic() + 60
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        done, begun = os.pread(acknowledged, 2, 0).ljust(2, b"\0")
        if begun and not seed % 2:
            time.sleep(random.Random(seed).uniform(0, 0.006))
        if done == EDITS or (begun and not seed % 2) or time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.0005)
    done = (os.pread(acknowledged, 1, 0) or b"\0")[0]
    os.close(acknowledged)
    result = folder / ".left"
    checker = in_a_child(lambda: check(folder, seed, state, done, result))
    if os.waitpid(checker, 0)[1]:
        raise SystemExit(f"seed {seed}: see above")
    plan = planned(seed, state)[0]
    return json.loads(result.read_text()), done, plan[done][0] if done < EDITS else "nothing"


def main(folder, kills, first=0, shard=0):
    os.environ["AITELIER_RATER"] = "ada"
    following.LARGE = 2000  # the way of large files too
    project = create(folder, Config(name="bot", model="m"))
    project.dataset.add([conversation(str(n)) for n in range(10)])
    state = state_of(project)
    if shard:  # the same on several files, and a new one begun now and then
        project.dataset.shard(shard)
        sharding.SIZE = 2 * shard
    project.close()
    edits, under = 0, Counter()
    for seed in range(first, first + kills):
        state, done, kind = kill_once(folder, seed, state)
        edits += done
        under[kind] += 1
    told = ", ".join(f"{kind} {count}" for kind, count in under.most_common())
    print(f"{kills} kills, {edits} acknowledged edits, none lost; killed under: {told}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
