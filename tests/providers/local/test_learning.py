"""The embedded model learns a small task that it cannot do: the whole way, from the file to held-out answers."""

from __future__ import annotations

import json
import re

import pytest

from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings, open_provider
from aitelier_nb.providers.local import jobs, library
from aitelier_nb.schema import Parameters

WANTED = re.compile(r"\[(BILLING|SHIPPING)\] Dear \w+, we look into your \w+\. ~ Team Orbit")
NAMES = [
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gina",
    "Hugo",
    "Ines",
    "Jan",
    "Kira",
    "Leo",
    "Mia",
    "Nils",
    "Olga",
    "Paul",
    "Rosa",
    "Sam",
    "Tara",
    "Uwe",
]
KINDS = {"BILLING": ("invoice", "refund", "payment"), "SHIPPING": ("parcel", "delivery", "package")}


def conversations(names):
    for place, name in enumerate(names):
        kind = ("BILLING", "SHIPPING")[place % 2]
        for thing in KINDS[kind]:
            asked = f"{name} here. My {thing} is wrong."
            yield asked, f"[{kind}] Dear {name}, we look into your {thing}. ~ Team Orbit"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_embedded_model_learns_a_format_that_it_never_wrote_before(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    train, held_out = list(conversations(NAMES[:14])), list(conversations(NAMES[14:]))
    lines = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in train
    ]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    provider = open_provider("local", Settings(project=tmp_path))
    base = library.EMBEDDED.name
    request = JobRequest(base, file, "a" * 64, hyperparameters={"max_steps": 30})
    job = jobs.wait(provider._jobs(), provider.create_job(request).id)
    assert (job.status, job.error) == ("completed", None)

    def rate(model):
        asked = [
            ChatRequest(model, [{"role": "user", "content": q}], Parameters(temperature=0, max_tokens=32))
            for q, _ in held_out
        ]
        said = [answer.text for _, answer in provider.answers(asked)]
        return sum(bool(WANTED.fullmatch(text.strip())) for text in said) / len(said)

    assert rate(base) <= 0.05
    assert rate(job.model_id) >= 0.95
    provider.close()
