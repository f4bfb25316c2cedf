"""A model that is trained but served by nobody: an endpoint that is always stopped, or its weights at home."""

from __future__ import annotations

from pathlib import Path

import pytest
from server import Response, Server, cut, reset_after_commit, status
from together_service import BASE, TogetherService

from aitelier_nb.errors import ConnectionFailed, NotCallable, NotFound
from aitelier_nb.providers.together import Together

TUNED = "acct/Llama-x-1"


def test_machines_come_with_their_price_the_cheapest_first(together: Together) -> None:
    machines = together.hardware(TUNED)
    assert [machine.id for machine in machines] == ["1x_a100", "8x_h200", "1x_l4"]
    assert str(machines[0]) == "1x_a100, $0.05 a minute ($3.25 an hour)"


def test_a_model_that_no_machine_serves_says_what_to_do(together: Together) -> None:
    with pytest.raises(NotCallable, match="no machine that serves") as caught:
        together.hardware(BASE)
    assert caught.value.hint == "download its weights instead"


def test_an_endpoint_serves_for_the_block_and_is_stopped(
    together: Together, service: TogetherService, server: Server
) -> None:
    machine = together.hardware(TUNED)[0]
    with together.served(TUNED, machine, idle=7) as endpoint:
        assert (endpoint.state, endpoint.name) == ("STARTED", f"{TUNED}-served")
    assert service.endpoints == {}
    ((body),) = [request.json for request in server.requests("POST /v1/endpoints")]
    assert (body["hardware"], body["inactive_timeout"]) == ("1x_a100", 7)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_endpoint_is_stopped_however_the_block_ends(
    together: Together, service: TogetherService, stop: type[BaseException]
) -> None:
    machine = together.hardware(TUNED)[0]
    with pytest.raises(stop), together.served(TUNED, machine):
        raise stop
    assert service.endpoints == {}


def test_a_lost_answer_starts_no_second_endpoint(
    together: Together, service: TogetherService, server: Server
) -> None:
    machine = together.hardware(TUNED)[0]
    server.fail("POST /v1/endpoints", reset_after_commit)
    with together.served(TUNED, machine):
        assert len(service.endpoints) == 1
    assert service.endpoints == {}


def test_an_endpoint_that_was_there_stays(together: Together, service: TogetherService) -> None:
    machine = together.hardware(TUNED)[0]
    with together.served(TUNED, machine):
        with together.served(TUNED, machine):
            pass
        assert len(service.endpoints) == 1


def test_weights_come_home_whole_or_not_at_all(together: Together, server: Server, tmp_path: Path) -> None:
    path = together.download("ft-1", tmp_path / "adapter.tar.zst")
    assert path.read_bytes() == b"weights of adapter"
    server.fail("GET /v1/finetune/download", status(404))
    with pytest.raises(NotFound):
        together.download("ft-2", tmp_path / "other.tar.zst", kind="merged")
    assert [file.name for file in tmp_path.iterdir()] == ["adapter.tar.zst"]


def test_a_download_that_breaks_off_leaves_no_file(
    together: Together, server: Server, tmp_path: Path, service: TogetherService
) -> None:
    service._download = lambda request: Response(200, {"much": "x" * 5000})  # type: ignore[method-assign]
    server.fail("GET /v1/finetune/download", cut)
    with pytest.raises(ConnectionFailed, match="broke off"):
        together.download("ft-1", tmp_path / "adapter.tar.zst")
    assert list(tmp_path.iterdir()) == []
