"""The local models behind OpenAI's dialect, asked by the official package, our own client and bare HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import NotFound, UsageError
from aitelier_nb.providers.base import ChatRequest, Settings, open_provider
from aitelier_nb.providers.local.provider import LocalProvider
from aitelier_nb.schema import Parameters

TURNS = [{"role": "user", "content": "ba"}]


@pytest.fixture(scope="module")
def shop(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AITELIER_CACHE", str(folder / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        project = ait.init("shop", provider="local", model=str(tiny), path=folder / "shop")
        yield project
        LocalProvider(Settings(project=project.path)).close()
        project.close()


@pytest.fixture(scope="module")
def serving(shop):
    with ait.serve(port=0, project=shop) as serving:
        yield serving


@pytest.fixture(scope="module")
def expected(shop, tiny):
    request = ChatRequest(str(tiny), TURNS, Parameters(temperature=0, max_tokens=8))
    [(_, answer)] = LocalProvider(Settings(project=shop.path)).answers([request])
    return answer


@pytest.fixture
def client(serving):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=serving.address, api_key=serving.token, max_retries=0) as client:
        yield client


def posted(serving, body, *, token=None, host=None, path="/v1/chat/completions"):
    server = HTTPConnection("127.0.0.1", int(serving.address.split(":")[2].split("/")[0]))
    headers = {"Authorization": f"Bearer {token or serving.token}", "Content-Type": "application/json"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    server.request("POST", path, content, headers | ({"Host": host} if host else {}))
    response = server.getresponse()
    status, told = response.status, json.loads(response.read())
    server.close()
    return status, told


def test_the_official_package_lists_models_and_gets_the_answer(client, expected):
    assert [model.id for model in client.models.list()] == ["base"]
    answer = client.chat.completions.create(model="base", messages=TURNS, temperature=0, max_tokens=8)
    assert answer.choices[0].message.content == expected.text
    assert answer.choices[0].finish_reason == expected.finish_reason
    assert answer.usage.completion_tokens == expected.completion_tokens
    assert answer.usage.prompt_tokens == expected.prompt_tokens


def test_the_official_package_streams_the_same_answer(client, expected):
    stream = client.chat.completions.create(
        model="base", messages=TURNS, temperature=0, max_completion_tokens=8, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert len(pieces) > 3
    assert "".join(pieces) == expected.text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == expected.finish_reason
    assert chunks[-1].usage.completion_tokens == expected.completion_tokens


def test_our_own_client_of_compatible_servers_gets_the_answer(serving, expected, monkeypatch):
    monkeypatch.setenv("COMPATIBLE_API_KEY", serving.token)
    provider = open_provider("compatible", Settings(base_url=serving.address))
    request = ChatRequest("base", TURNS, Parameters(temperature=0, max_tokens=8))
    [(_, answer)] = provider.answers([request])
    assert (answer.text, answer.error) == (expected.text, None)
    provider.close()


def test_without_the_token_or_under_another_name_nothing_is_answered(serving):
    asked = {"model": "base", "messages": TURNS}
    assert posted(serving, asked, token="another")[0] == 401
    status, told = posted(serving, asked, host="evil.example:80")
    assert status == 403
    assert "under the name of this machine" in told["error"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Expecting"),
        ({"model": "base"}, "holds no messages"),
        ({"model": "base", "messages": [{"role": "robot"}]}, "messages[0] has no role"),
        ({"model": "gone", "messages": TURNS}, "no model 'gone' here: base"),
        ({"model": "base", "messages": TURNS, "n": 2}, "does not do n"),
        ({"model": "base", "messages": TURNS, "tools": [{}]}, "does not do tools"),
        ({"model": "base", "messages": TURNS, "max_tokens": "many"}, "max_tokens will not do"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(serving, body, words):
    status, told = posted(serving, body)
    assert status == 400
    assert words in told["error"]["message"]


def test_a_path_that_is_not_there_and_a_model_that_is_gone_are_not_found(serving, shop, monkeypatch):
    assert posted(serving, {}, path="/v1/embeddings")[0] == 404

    def gone(self, request):
        raise NotFound("there is no such model")
        yield

    monkeypatch.setattr(LocalProvider, "stream", gone)
    assert posted(serving, {"model": "base", "messages": TURNS})[0] == 404


def test_a_reader_that_leaves_ends_neither_the_server_nor_the_model(serving, expected):
    from aitelier_nb.providers.local import worker

    pid = worker._worker._process.pid
    server = HTTPConnection("127.0.0.1", int(serving.address.split(":")[2].split("/")[0]))
    body = {"model": "base", "messages": TURNS, "stream": True, "max_tokens": 200}
    server.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {serving.token}"}
    )
    server.getresponse().read(10)
    server.close()
    status, told = posted(serving, {"model": "base", "messages": TURNS, "temperature": 0, "max_tokens": 8})
    assert (status, told["choices"][0]["message"]["content"]) == (200, expected.text)
    assert worker._worker._process.pid == pid


def test_the_token_is_in_no_output(serving):
    shown = serving.text() + serving._repr_html_() + json.dumps(serving.to_json()) + repr(serving)
    assert serving.address in shown
    assert serving.token not in shown


def test_a_port_that_is_taken_is_named(serving, shop):
    port = int(serving.address.split(":")[2].split("/")[0])
    with pytest.raises(UsageError, match=f"port {port} cannot be taken"):
        ait.serve(port=port, project=shop)


def test_the_command_serves_until_it_is_interrupted(shop):
    with subprocess.Popen(
        [sys.executable, "-m", "aitelier_nb", "serve", "--port", "0", "--project", str(shop.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AITELIER_TOKEN": "a token of one's own"},
    ) as process:
        lines = [process.stderr.readline() for _ in range(3)]
        while "Ctrl-C" not in lines[-1]:
            lines.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        out = process.stdout.read()
    assert process.returncode == 0
    assert "API key: a token of one's own\n" in lines
    assert "is stopped" in out
