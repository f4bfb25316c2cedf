"""A judge at a service, from the command line to the figures: the service is a real one on loopback."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.verbs.comparing import BlindComparison

WRONG, TORN = (
    {3, 9, 14, 21, 40, 55},
    {5, 12, 44},
)  # the judge is wrong on these, and follows the place on those


def verdict(question):
    """Prefer the tuned answer but where the judge is wrong; where it is torn, whatever stands first."""
    number = int(re.search(r"question (\d+)", question)[1])
    if number in TORN:
        return "1"
    tuned_first = "small-tuned" in question.split("<answer 1>")[1].split("<answer 2>")[0]
    return "1" if tuned_first != (number in WRONG) else "Answer 2"


@pytest.fixture
def service():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request)
            text = verdict(request["messages"][1]["content"])
            body = {
                "id": "chat-1",
                "object": "chat.completion",
                "created": 1,
                "model": request["model"],
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": text, "refusal": None},
                    }
                ],
                "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
            }
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    server.server_close()


def test_a_judge_at_a_service_is_asked_in_both_orders_and_held_against_people(
    make_project, provider, service, monkeypatch
):
    url, asked = service
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-only-for-this-test")
    with make_project("judged", 64, 60) as project:
        models = Contestant("base", provider, "small"), Contestant("tuned", provider, "small-tuned")
        blind = BlindComparison(create(project, *models))
        human = {}
        for place, pair in enumerate(blind.study.page(0, 30)):  # the person prefers base on every fifth
            human[pair["id"]] = pair["id"] % 5 != 0
            tuned_left = "small-tuned" in pair["left"]
            blind.vote_at(place, "left" if tuned_left == human[pair["id"]] else "right")
        blind.judge("judge-1", provider="openai", rubric="Prefer the shorter one.", confirm=True)

        assert len(asked) == 120
        assert all(
            request["messages"][0]["content"].startswith("Prefer the shorter one.") for request in asked
        )
        assert {request["temperature"] for request in asked} == {0}
        firsts = [
            request["messages"][1]["content"].split("<answer 1>\n")[1].split(" says")[0] for request in asked
        ]
        assert firsts.count("small") == firsts.count("small-tuned") == 60

        blind.judge("judge-1", provider="openai", rubric="Prefer the shorter one.", confirm=True)
        assert len(asked) == 120
        found = blind.judged("judge-1")

    judge = {i: 0.5 if i in TORN else float(i not in WRONG) for i in range(1, 61)}
    assert found.orders.wins == sum(value == 1 for value in judge.values())
    assert (found.orders.ties, found.orders.losses) == (3, 6)
    assert found.orders.consistency == pytest.approx(57 / 60)
    both = [(human[i], judge[i]) for i in human if judge[i] != 0.5]
    tp, tn = sum(h and j == 1 for h, j in both), sum(not h and j == 0 for h, j in both)
    fn, fp = sum(h and j == 0 for h, j in both), sum(not h and j == 1 for h, j in both)
    assert [getattr(found.calibration, cell) for cell in ("tp", "tn", "fn", "fp")] == [tp, tn, fn, fp]
    n = len(both)
    chance = ((tp + fn) * (tp + fp) + (tn + fn) * (tn + fp)) / n**2
    assert found.calibration.kappa == pytest.approx(((tp + tn) / n - chance) / (1 - chance))
    errors = np.array([human[i] - judge[i] for i in human])
    alone = np.array([judge[i] for i in judge if i not in human])
    estimate = alone.mean() + errors.mean()
    reach = stats.t.ppf(0.975, 29) * sqrt(alone.var() / 30 + errors.var() / 30)
    assert found.estimate.estimate == pytest.approx(estimate)
    assert found.estimate.interval == pytest.approx((estimate - reach, estimate + reach))
    assert found.calibrated
    assert "uncalibrated" not in found.text()
    assert found.comparison.counts.n == 30  # the judge's votes are in no verdict where a person voted
