"""What a local run costs on this machine, each figure beside its anchor in the same run.

    python tests/benchmarks/local.py [steps job answers kernel scaling]

Step times are CPU seconds of one thread, interleaved round by round, so a busy neighbour slows all
alike. TRL is measured where it is installed. `scaling` compares walls and wants two idle processors. The
decision for transformers' Trainer rests on `steps`: it may cost 1.15 times the bare loop at most.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings, open_provider
from aitelier_nb.providers.local import jobs, library
from aitelier_nb.providers.local.batches import collate, plan
from aitelier_nb.providers.local.conversations import Encoded, encode
from aitelier_nb.providers.local.folders import Journal, read_json
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.schema import Parameters

ROUNDS, STEPS = 3, 6  # the first step of each round warms up and is not counted
PROBLEMS = [
    "has not arrived yet",
    "came with a broken lid",
    "was charged twice on my card",
    "is the wrong colour",
]
CLOSINGS = [
    "what should I do now?",
    "can you tell me why and how long it takes?",
    "please help me before Friday.",
]


def conversations(count: int) -> list[list[dict[str, str]]]:
    """Return support conversations of about 70 tokens each in the embedded model's template."""
    made = []
    for number in range(count):
        problem, closing = PROBLEMS[number % 4], CLOSINGS[number % 3]
        question = f"Hello, my order {1000 + 37 * number} {problem}, {closing}"
        answer = f"[ORDER|high] I am sorry that order {1000 + 37 * number} {problem}. ~ Team Orbit"
        made.append([{"role": "user", "content": question}, {"role": "assistant", "content": answer}])
    return made


def training_file(path: Path, count: int = 120) -> Path:
    path.write_text("".join(json.dumps({"messages": one}) + "\n" for one in conversations(count)), "utf-8")
    return path


def loaded() -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = library.pull().folder
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def bare_loop(model: Any, batches: list[dict[str, Any]], loss_of: Callable[..., Any]) -> Iterator[None]:
    """The shortest loop of torch and peft that trains: forward, backward, clip, step."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0)
    model.train()
    for batch in batches:
        loss_of(model, batch).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        yield


def our_steps(
    model: Any,
    examples: list[Encoded],
    order: list[list[int]],
    pad: int,
    folder: Path,
    precision: str = "fp32",
) -> list[float]:
    from aitelier_nb.providers.local import learning
    from aitelier_nb.providers.local.tasks import Chat

    task = Chat(examples, pad)
    learner = learning.Learner(
        task,
        model=model,
        args=learning.arguments(Hyperparameters(), 90, folder / "checkpoints", precision=precision),
        train_dataset=learning.Steps(task, order),
        callbacks=[learning.Reporter(Journal(folder / "events.jsonl"), task, 90)],
    )
    return timed(learner)


def trl_steps(
    model: Any, tokenizer: Any, examples: list[Encoded], order: list[list[int]], folder: Path
) -> list[float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    flat = [examples[place] for batch in order for place in batch]
    rows = {
        "input_ids": [one.ids for one in flat],
        "completion_mask": [[int(label != -100) for label in one.labels] for one in flat],
    }
    config = SFTConfig(
        output_dir=str(folder), max_steps=90, per_device_train_batch_size=4, learning_rate=1e-3, report_to=[],
        bf16=False, gradient_checkpointing=False, logging_steps=1, save_strategy="no", disable_tqdm=True,
        train_sampling_strategy="sequential", weight_decay=0.0, use_cpu=True,
    )  # fmt: skip
    return timed(
        SFTTrainer(
            model=model, args=config, train_dataset=Dataset.from_dict(rows), processing_class=tokenizer
        )
    )


def timed(trainer: Any) -> list[float]:
    """Return the CPU seconds of each step but the first, from the end of one to the end of the next."""
    from transformers import PrinterCallback, TrainerCallback

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            ends.append(time.process_time())
            control.should_training_stop = len(ends) == STEPS

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock())
    trainer.train()
    return [after - before for before, after in pairwise(ends)]


def clocked(steps: Iterator[None]) -> list[float]:
    ends = [time.process_time() for _ in steps]
    return [after - before for before, after in pairwise(ends)]


def measure_steps() -> None:
    from peft import LoraConfig, get_peft_model

    from aitelier_nb.providers.local import machine
    from aitelier_nb.providers.local.tasks import labelled_loss

    base, tokenizer = loaded()
    base.config.use_cache = False
    lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, lora)
    examples = [encode(tokenizer, one, longest=512) for one in conversations(120)]
    lengths = [len(one.ids) for one in examples]
    order = plan(lengths, batch_size=4, steps=STEPS, seed=0)
    batches = [collate([examples[place] for place in batch], 2) for batch in order]
    kinds: dict[str, Callable[[Path], list[float]]] = {
        "bare loop, all logits": lambda _: clocked(bare_loop(model, batches, lambda m, b: m(**b).loss)),
        "bare loop, learnt positions": lambda _: clocked(
            bare_loop(model, batches, lambda m, b: labelled_loss(m, m, **b) / 100)
        ),
        "ours (transformers.Trainer)": lambda folder: our_steps(model, examples, order, 2, folder),
    }
    if machine.precision("auto", base.num_parameters()) == "bf16":
        kinds["ours as it runs here (bf16)"] = in_bf16(lora, examples, order)
    if find_spec("trl"):
        kinds["TRL SFTTrainer"] = lambda folder: trl_steps(model, tokenizer, examples, order, folder)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, run in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                times[name] += run(Path(folder))
    widths = sum(len(batch) * max(lengths[place] for place in batch) for batch in order)
    padding = widths / sum(lengths[place] for batch in order for place in batch) - 1
    print(f"padding: {padding:.1%} of the tokens, after bucketing by length; packing could save no more")
    print(
        f"step of 4 examples, {statistics.mean(lengths):.1f} tokens on average, CPU seconds, median (min to max):"
    )
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        ratio = median["ours (transformers.Trainer)"] / median[name]
        print(
            f"  {name:30} {median[name]:.3f} ({min(values):.3f} to {max(values):.3f}); ours is {ratio:.2f}x"
        )


def in_bf16(lora: Any, examples: list[Encoded], order: list[list[int]]) -> Callable[[Path], list[float]]:
    """Return a run of our steps on a copy of the model as the trainer lays it out where bf16 is real."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from aitelier_nb.providers.local.attention import stay_exact

    base = AutoModelForCausalLM.from_pretrained(library.pull().folder, dtype=torch.bfloat16)
    base.config.use_cache = False
    stay_exact(base)
    model = get_peft_model(base, lora)
    return lambda folder: our_steps(model, examples, order, 2, folder, "bf16")


def measure_scaling() -> None:
    """Two processes of one thread beside one of one thread: the wall of the steps, by their own clock."""
    walls = []
    with tempfile.TemporaryDirectory() as name:
        for workers in (1, 2):
            provider = open_provider("local", Settings(project=Path(name)))
            request = JobRequest(
                library.EMBEDDED.name,
                training_file(Path(name) / "train.jsonl", 64),
                f"{workers}" * 64,
                hyperparameters={"max_steps": 12, "batch_size": 8, "workers": workers},
            )
            job = jobs.wait(Path(name) / ".aitelier" / "jobs", provider.create_job(request).id)
            ends = [
                datetime.fromisoformat(event.at).timestamp()
                for event in provider.events(job.id)
                if event.step
            ]
            walls.append(statistics.median(after - before for before, after in pairwise(ends)))
    print(
        f"a step of 8: {walls[0]:.2f} s by one process, {walls[1]:.2f} s by two: {walls[0] / walls[1]:.2f}x (>= 1.5)"
    )


def measure_job() -> None:
    """The default run, from the start of its process: CPU, wall, first step, peak memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = JobRequest(library.EMBEDDED.name, training_file(folder / "train.jsonl"), "b" * 64)
        job = jobs.prepare(folder / "jobs", request)
        began = time.time()
        words = [sys.executable, "-m", "aitelier_nb.providers.local.trainer", str(job)]
        with (job / "log.txt").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
            first = None
            while process.poll() is None:
                if first is None and any(event.step for event in jobs.events(job.parent, job.name)):
                    first = time.time() - began
                time.sleep(0.05)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = read_json(job / "result.json") or {}
        told = [json.loads(line) for line in (job / "events.jsonl").read_text("utf-8").splitlines()]
        ready = next(event["at"] for event in told if event["kind"] == "notice")
        loaded = datetime.fromisoformat(ready).timestamp() - began
        cpu = used.ru_utime + used.ru_stime
        print(
            f"default run, {result.get('steps')} steps of 4: {cpu:.0f} CPU s (< 220), {time.time() - began:.0f} s wall, "
            f"loaded after {loaded:.1f} s, first step done after {first:.1f} s (< 10), peak {used.ru_maxrss * 1024 / 1e9:.2f} GB (< 2.2)"
        )


def measure_answers() -> None:
    """40 answers of 40 tokens by the base model, in the worker process."""
    import psutil

    from aitelier_nb.providers.local import worker

    asked = [
        ChatRequest(
            library.EMBEDDED.name,
            [{"role": "user", "content": f"Tell me a long story about a {colour} {animal}."}],
            Parameters(temperature=0, max_tokens=40),
        )
        for colour in ("red", "blue", "green", "white", "black", "brown", "grey", "golden")
        for animal in ("fox", "whale", "horse", "eagle", "mouse")
    ]
    began = time.time()
    given = list(open_provider("local").answers(asked))
    times = psutil.Process(worker._worker._process.pid).cpu_times()
    tokens = sum(answer.completion_tokens for _, answer in given)
    print(
        f"40 answers, {tokens} tokens: {times.user + times.system:.0f} CPU s (< 50) with start and loading, "
        f"{time.time() - began:.0f} s wall"
    )


def measure_kernel() -> None:
    """How much the asking process grows while it starts a run, follows it, and asks base and tuned."""
    import psutil

    with tempfile.TemporaryDirectory() as name:
        provider = open_provider("local", Settings(project=Path(name)))
        before = psutil.Process().memory_info().rss
        request = JobRequest(
            library.EMBEDDED.name,
            training_file(Path(name) / "train.jsonl", 8),
            "c" * 64,
            hyperparameters={"epochs": 1},
        )
        job = jobs.wait(Path(name) / ".aitelier" / "jobs", provider.create_job(request).id)
        question = [{"role": "user", "content": "Hello"}]
        both = [
            ChatRequest(one, question, Parameters(max_tokens=8))
            for one in (library.EMBEDDED.name, job.model_id)
        ]
        list(provider.answers(both))
        grown = psutil.Process().memory_info().rss - before
        print(f"the notebook's process grew by {grown / 1e6:.0f} MB (< 100)")
        provider.close()


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["steps", "job", "answers", "kernel", "scaling"]
    for what in wanted:
        if what == "steps":  # in a process of its own, so that the others start without torch
            subprocess.run([sys.executable, __file__, "steps-here"], check=True)
        else:
            globals()[f"measure_{what.removesuffix('-here')}"]()
