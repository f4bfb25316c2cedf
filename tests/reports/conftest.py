import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aitelier_nb.evaluation import designs
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.evaluations import collect
from aitelier_nb.evaluation.measures import Regex
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.schema import Answer, Config, Run
from aitelier_nb.storage.project import Project, create, open_project

FIXTURES = Path(__file__).parents[1] / "fixtures"
SYSTEM = "You answer customers of a garden shop."


@pytest.fixture
def evaluated(tmp_path: Path) -> Project:
    """A project of the `ait` tool: split, trained, scored."""
    return open_project(shutil.copytree(FIXTURES / "ts-a8-evaluated", tmp_path / "evaluated"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Forty rated examples, two rewritten, ten held out, one finished run."""
    return small_project(tmp_path / "shop")


def small_project(folder: Path, examples: int = 40) -> Project:
    config = Config(name="shop", model="SmolLM2-135M-Instruct", system_prompt=SYSTEM, quality_threshold=8)
    project = create(folder, config)
    dataset = project.dataset
    dataset.add([_row(number) for number in range(1, examples + 1)], by="Ada")
    dataset.rewrite(1, "Water it once a week, in the morning.", 9, by="Ada")
    dataset.rewrite(2, "Your order left today.", 10, by="Ada")
    dataset.set_splits({number: "val" if number % 4 == 0 else "train" for number in range(1, examples + 1)})
    dataset.fold()
    project.train_path.write_bytes(b'{"messages":[]}\n')
    project.add_run(_run())
    return project


WORDS = [
    "fern",
    "moss",
    "ivy",
    "oak",
    "sage",
    "mint",
    "lily",
    "palm",
    "aloe",
    "rose",
    "reed",
    "thyme",
    "basil",
    "cress",
]


def _row(number: int) -> dict:
    draw = random.Random(number)
    question = f"Plant {number}: {' '.join(draw.sample(WORDS, 10))}?"
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"Water plant {number} once a week."},
        ],
        "rating": 8 + number % 3,
        "source": "written for this test",
    }


def _run() -> Run:
    ours = {
        "baseModel": "SmolLM2-135M-Instruct",
        "trainIds": "1-3,5-7",
        "losses": [[1, 2.5, None], [2, 1.25, 1.5], [3, 0.75, None]],
        "environment": {"python": "3.11.7", "torch": "2.13.0"},
        "finishedAt": "2026-11-22T04:00:00.000Z",
    }
    return Run(
        job_id="local-0a1b2c3d",
        provider="local",
        started_at="2026-11-22T03:58:00.000Z",
        status="completed",
        hyperparameters={"epochs": 3, "learningRate": 0.001},
        model_id="local/local-0a1b2c3d",
        aitelier_nb=ours,
    )


class Gardener:
    """A provider that answers by rule: the tuned model ends with a closing, the base does not."""

    name = "gardener"

    def answer(self, model: str, number: int) -> str:
        closing = "\nHappy growing!" if model == "tuned" and number % 12 else ""
        return f"Water plant {number} well.{closing}"

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        for place, request in enumerate(requests):
            question = request.messages[-1]["content"]
            number = int(re.search(r"\d+", question)[0])
            yield place, Answer(model=request.model, text=self.answer(request.model, number))

    def identify(self, model: str) -> str:
        return f"gardener/{model}"

    def close(self) -> None:
        """Hold nothing."""


@pytest.fixture
def compared(project: Project) -> Project:
    """The project after an evaluation by rule and a revealed blind comparison by a person."""
    return with_evaluation(project)


def with_answers(project: Project) -> Project:
    """Let base and tuned model answer; no check, no score, no vote."""
    gardener = Gardener()
    collect(project, [Contestant(name, gardener, name) for name in ("base", "tuned")], version="v1")
    return project


def with_evaluation(project: Project) -> Project:
    gardener = Gardener()
    base, tuned = Contestant("base", gardener, "base"), Contestant("tuned", gardener, "tuned")
    prompted = Contestant("prompted", gardener, "base", [{"role": "system", "content": "Be kind."}])
    collect(
        project,
        [base, prompted, tuned],
        measures=[Regex(r"Happy growing!\s*\Z", "house style")],
        version="v1",
    )
    study = designs.create(project, base, tuned, version="v1", rater="Ada")
    for pair in study.page():
        study.vote(pair["id"], "left" if "Happy" in pair["left"] else "right", session="s", seq=pair["id"])
    study.reveal()
    return project
