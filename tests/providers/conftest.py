"""A service on loopback, a project with a training file, and the key only in the environment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import contract
from server import Server
from together_service import KEY, QUICK, TogetherService, job_request

from aitelier_nb.providers.base import JobRequest, Settings
from aitelier_nb.providers.together import Together


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    for name in ("TOGETHER_BASE_URL", "OPENAI_BASE_URL", "FIREWORKS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> TogetherService:
    return TogetherService()


@pytest.fixture
def server(service: TogetherService) -> Iterator[Server]:
    with Server(service, "/v1") as server:
        service.url = server.url
        yield server
    contract.check(server.log, "together")


@pytest.fixture
def together(server: Server, tmp_path: Path) -> Iterator[Together]:
    options = {"patience": QUICK, "poll": 0.01}
    provider = Together(Settings(project=tmp_path, base_url=server.url, options=options))
    yield provider
    provider.close()


@pytest.fixture
def request_(tmp_path: Path) -> JobRequest:
    return job_request(tmp_path)
