"""A model that is trained but served by nobody: an endpoint that is always stopped, or its weights at home."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from openai_service import BASE as OPENAI_BASE
from server import Request, Response, Server, cut, raw, reset_after_commit, status
from together_service import BASE, QUICK, TogetherService

import aitelier_nb as ait
from aitelier_nb.errors import (
    ConfirmationNeeded,
    ConnectionFailed,
    DataError,
    NotCallable,
    NotFound,
    ServiceFailed,
    StorageError,
    UsageError,
)
from aitelier_nb.providers import deployments, hosted
from aitelier_nb.providers.deployments import Deploys, Machine
from aitelier_nb.providers.together import Together
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs import deploying, endpoints
from aitelier_nb.verbs.endpoints import Deployed, Stopped

TUNED = "acct/Llama-x-1"
START = "POST /v1/endpoints"


@pytest.fixture
def shop(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
    monkeypatch.setattr(hosted, "Patience", lambda: QUICK)
    monkeypatch.setattr(deploying, "POLL", 0.01)
    monkeypatch.setattr(endpoints, "POLL", 0.01)
    monkeypatch.setattr(endpoints, "AGAIN", 0.01)
    project = ait.init("shop", provider="together", model=BASE, path=tmp_path / "shop")
    run = {"jobId": "ft-1", "provider": "together", "startedAt": "2026-11-22T10:00:00.000Z"}
    run |= {"status": "completed", "modelId": TUNED}
    project.change_config(lambda config: config["runs"].append(run))
    yield project
    ait.deploy(stop=True, project=project)
    project.close()


def served(project: Project, **words: object) -> Deployed:
    found = ait.deploy(confirm=True, project=project, **words)  # type: ignore[arg-type]
    assert isinstance(found, Deployed)
    return found


def test_machines_come_with_their_price_the_cheapest_first(together: Together) -> None:
    assert isinstance(together, Deploys)
    machines = together.machines(TUNED)
    assert [machine.id for machine in machines] == ["1x_a100", "8x_h200", "1x_l4"]
    assert str(machines[0]) == "1x_a100, $0.05 a minute ($3.25 an hour)"


def test_a_model_that_no_machine_serves_says_what_to_do(together: Together) -> None:
    with pytest.raises(NotCallable, match="no machine that serves") as caught:
        together.machines(BASE)
    assert "ait export adapter" in caught.value.hint


def test_the_price_is_asked_for_before_anything_starts(shop: Project, server: Server) -> None:
    words = (
        r"serve acct/Llama-x-1 at together on 1x_a100, \$0.05 a minute .* for 30 minutes \(\$1.63 at most\)"
    )
    with pytest.raises(ConfirmationNeeded, match=words):
        ait.deploy(minutes=30, project=shop)
    assert server.count("(POST|PATCH|DELETE) .*") == 0


def test_while_it_is_served_every_verb_asks_the_endpoint_by_the_models_own_name(
    shop: Project, server: Server, service: TogetherService
) -> None:
    service.served = False
    before = ait.ask("hi", models=["tuned"], confirm=True, project=shop).answers["tuned"]
    assert "ait deploy gives it an endpoint" in (before.error or "")
    with served(shop, idle=7) as endpoint:
        assert (endpoint.model, endpoint.record.endpoint.state) == (TUNED, "STARTED")
        service.served = True
        answer = ait.ask("hi", models=["tuned"], confirm=True, project=shop).answers["tuned"]
        assert (answer.text, answer.model) == ("hi!", TUNED)
        assert "ait deploy --stop" in ait.status(project=shop).text()
    assert service.endpoints == {}
    assert deployments.standing(shop.path) == []
    asked = [request.json["model"] for request in server.requests("POST /v1/chat/completions")]
    assert asked == [TUNED, f"{TUNED}-served"]
    ((body),) = [request.json for request in server.requests(START)]
    assert (body["hardware"], body["inactive_timeout"]) == ("1x_a100", 7)
    replayed = ait.ask("hi", models=["tuned"], mode="replay", project=shop)
    assert replayed.answers["tuned"].text == "hi!", "the recording is the model's, not the endpoint's"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_endpoint_is_stopped_however_the_block_ends(
    shop: Project, service: TogetherService, stop: type[BaseException]
) -> None:
    with pytest.raises(stop), served(shop):
        raise stop
    assert service.endpoints == {}


def test_an_endpoint_that_does_not_come_up_is_stopped(
    shop: Project, server: Server, service: TogetherService
) -> None:
    broken = {"id": "endpoint-1", "name": "n", "model": TUNED, "state": "ERROR", "hardware": "1x_a100"}
    server.fail("GET /v1/endpoints/.*", status(500), status(200, broken))
    with pytest.raises(NotCallable, match="is error"):
        served(shop)
    assert service.endpoints == {}


def test_a_lost_answer_starts_no_second_endpoint(
    shop: Project, service: TogetherService, server: Server
) -> None:
    server.fail(START, reset_after_commit)
    with served(shop):
        assert len(service.endpoints) == 1
    assert service.endpoints == {}


def test_the_guard_stops_it_when_its_time_is_over_although_the_service_fails(
    shop: Project, service: TogetherService, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    forget = deployments.forget
    monkeypatch.setattr(deployments, "forget", lambda *words: (forget(*words), gone.set()))
    server.fail("(PATCH|DELETE) /v1/endpoints/.*", *[status(503)] * 12)
    monkeypatch.setattr(Deployed, "_left", lambda _: 0.2)
    served(shop)
    assert gone.wait(60)
    assert service.endpoints == {}


@pytest.mark.parametrize("code", [404, 410])
def test_a_closed_way_to_endpoints_is_told_and_never_taken_for_a_stop(
    shop: Project, server: Server, service: TogetherService, code: int
) -> None:
    endpoint = served(shop)
    server.fail("(GET|PATCH|DELETE) /v1/endpoints.*", *[status(code)] * 3)
    with pytest.raises(NotCallable, match="may go on and cost money") as caught:
        endpoint.stop()
    assert "ait export adapter" in caught.value.hint
    assert (len(service.endpoints), len(deployments.standing(shop.path))) == (1, 1), "nobody forgot it"
    server.fail("(PATCH|DELETE) /v1/endpoints.*", *[status(code)] * 2)
    with pytest.raises(ServiceFailed, match="lists it as running"):
        endpoint.stop()
    endpoint.stop()
    assert (service.endpoints, deployments.standing(shop.path)) == ({}, [])
    server.fail("GET /v1/hardware", status(code))
    with pytest.raises(NotCallable, match="no machine that serves"):
        served(shop)


def test_one_that_somebody_else_removed_counts_as_stopped(
    shop: Project, server: Server, service: TogetherService
) -> None:
    endpoint = served(shop)
    service.endpoints.clear()
    server.fail("(PATCH|DELETE) /v1/endpoints.*", *[status(404)] * 2)
    endpoint.stop()
    assert deployments.standing(shop.path) == []


def test_one_that_is_served_already_is_used_and_the_same_one(shop: Project, service: TogetherService) -> None:
    with served(shop) as first:
        second = served(shop)
        assert second.record.endpoint.id == first.record.endpoint.id
        assert len(service.endpoints) == 1


def test_somebody_elses_endpoint_is_used_and_left_alone(
    shop: Project, service: TogetherService, together: Together
) -> None:
    together.start_endpoint(TUNED, Machine("1x_a100", 5.42), 10)
    with served(shop) as endpoint:
        assert "was there before" in endpoint.text()
    assert len(service.endpoints) == 1
    stopped = ait.deploy(stop=True, project=shop)
    assert isinstance(stopped, Stopped)
    assert len(stopped.found) == 1, "asked to stop, what serves the project's models is stopped"


def test_what_a_dead_kernel_left_is_stopped_by_a_word(
    shop: Project, service: TogetherService, together: Together
) -> None:
    machine = Machine("1x_a100", 5.42)
    left = together.start_endpoint(TUNED, machine, 10)
    deployments.keep(
        shop.path, deployments.Started("together", left, machine, "", "2027-01-01T00:00:00Z", 10)
    )
    assert "1 endpoint stopped" in repr(ait.deploy(stop=True, project=shop))
    assert (service.endpoints, deployments.standing(shop.path)) == ({}, [])


def test_the_command_holds_it_until_it_is_ended(shop: Project, service: TogetherService) -> None:
    command = [sys.executable, "-m", "aitelier_nb", "deploy", "--yes"]
    with subprocess.Popen(command, cwd=shop.path) as process:
        while not service.endpoints:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    assert service.endpoints == {}


def test_what_needs_no_endpoint_and_what_is_no_machine(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="there is no machine '9x'"):
        served(shop, machine="9x")
    with pytest.raises(UsageError, match="needs no endpoint"):
        served(shop, model=f"openai:{OPENAI_BASE}")


def archive(kind: str | None, files: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, kind) if kind else packed as stream:
        stream.write(plain.getvalue())
    return packed.getvalue().to_pybytes()


WEIGHTS = {"out/adapter_config.json": b"{}", "out/adapter_model.safetensors": b"w"}


@pytest.mark.parametrize("kind", ["zstd", "gzip", None])
def test_weights_come_home_unpacked(
    shop: Project, server: Server, service: TogetherService, tmp_path: Path, kind: str | None
) -> None:
    def download(request: Request) -> Response:
        assert request.query == {"ft_id": "ft-1", "checkpoint": "adapter"}
        return Response(200, archive(kind, WEIGHTS), {"content-type": "application/octet-stream"})

    service._download = download  # type: ignore[method-assign]
    told = ait.export("adapter", tmp_path / "home", project=shop)
    names = ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(file.name for file in (tmp_path / "home").iterdir()) == names
    assert f"vllm serve {BASE} --enable-lora" in told.text()
    with pytest.raises(StorageError, match="is not empty"):
        ait.export("adapter", tmp_path / "home", project=shop)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (cut, ConnectionFailed),
        (status(404), NotFound),
        (raw(b"<html>", 200), DataError),
        (raw(archive(None, {"../out.txt": b"x"}), 200), DataError),
    ],
    ids=["cut", "404", "page", "leads out"],
)
def test_what_does_not_come_whole_leaves_nothing(
    together: Together,
    server: Server,
    service: TogetherService,
    tmp_path: Path,
    fault: object,
    error: type[Exception],
) -> None:
    service._download = lambda request: Response(200, {"much": "x" * 5000})  # type: ignore[method-assign]
    server.fail("GET /v1/finetune/download", fault)  # type: ignore[arg-type]
    with pytest.raises(error):
        together.fetch("ft-1", tmp_path / "home" / "adapter", "adapter")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
