"""How fast answers come in: 500 of a 50 ms server at concurrency 32, beside a bare httpx loop in the same run.

Then, in a real kernel, a cell is interrupted while answers are under way that would never come: how long
until the server has seen each of its requests cancelled, and until the cell has ended.

python tests/benchmarks/providers.py [ROUNDS]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

import aitelier_nb as ait
from aitelier_nb.providers import recordings
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.compatible import Compatible

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

COUNT, CONCURRENCY, DELAY = 500, 32, 0.05
ALLOWED = 1.25
ENDS_WITHIN = 0.5


async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request on a connection after the delay."""
    while head := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        request = json.loads(await reader.readexactly(length))
        await asyncio.sleep(DELAY)
        choice = {
            "message": {"role": "assistant", "content": request["messages"][-1]["content"]},
            "finish_reason": "stop",
        }
        body = json.dumps(
            {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
        ).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        await writer.drain()


def serve(told: Connection) -> None:
    """Serve in a process of its own, so that the server's work is not counted."""

    async def run() -> None:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await respond(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0, backlog=256)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def question(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {number} " + "and so on " * 40}]


def bare(url: str) -> None:
    """Ask with nothing but httpx, as tightly as it goes."""

    async def run() -> None:
        limits = httpx.Limits(max_connections=CONCURRENCY)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            gate = asyncio.Semaphore(CONCURRENCY)

            async def one(number: int) -> None:
                async with gate:
                    response = await client.post(
                        f"{url}/chat/completions", json={"model": "m", "messages": question(number)}
                    )
                    response.json()

            await asyncio.gather(*(one(number) for number in range(COUNT)))

    asyncio.run(run())


def ours(url: str) -> None:
    """Ask through the client."""
    provider = Compatible(Settings(base_url=url, options={"concurrency": CONCURRENCY}))
    answers = dict(provider.answers([ChatRequest("m", question(number)) for number in range(COUNT)]))
    provider.close()
    assert len(answers) == COUNT
    assert all(answer.error is None for answer in answers.values())


def recorded(url: str) -> None:
    """Ask through the client, with each answer synced to disk as it arrives."""
    with tempfile.TemporaryDirectory() as folder:
        provider = Compatible(Settings(base_url=url, options={"concurrency": CONCURRENCY}))
        requests = [ChatRequest("m", question(number)) for number in range(COUNT)]
        answers = dict(recordings.answers(provider, requests, folder=Path(folder) / "data" / "recordings"))
        provider.close()
        assert len(answers) == COUNT


def seconds(way: Callable[[str], None], url: str) -> float:
    begun = time.perf_counter()
    way(url)
    return time.perf_counter() - begun


def interrupted(words: str) -> tuple[float, float]:
    """Return the seconds from the interrupt of a kernel to the last request's and to the cell's end."""
    from gate import kept
    from jupyter_client.manager import start_new_kernel
    from server import Handler, Request, Server, Service
    from together_service import BASE, KEY, TogetherService

    gone: list[float] = []

    def answer(handler: Handler, request: Request, service: Service) -> None:
        handler.reply(service(request))

    def hold(handler: Handler, request: Request, service: Service) -> None:
        with contextlib.suppress(OSError):
            handler.connection.recv(1)
        gone.append(time.perf_counter())
        handler.break_off()

    with Server(TogetherService(), "/v1") as server, tempfile.TemporaryDirectory() as folder:
        server.fail("POST /v1/chat/completions", *[answer] * 3, *[hold] * 29)
        environment = os.environ | {"TOGETHER_BASE_URL": server.url, "TOGETHER_API_KEY": KEY}
        ait.init("shop", provider="together", model=BASE, path=folder).close()
        recorded = Path(folder) / "data" / "recordings" / "together.jsonl"
        manager, client = start_new_kernel(kernel_name="python3", cwd=folder, env=environment)
        client.execute("import aitelier_nb as ait")
        cell = client.execute(f"{words}[str(n) for n in range(32)], confirm=True)")
        while not recorded.exists() or recorded.read_bytes().count(b"\n") < 3:
            time.sleep(0.01)
        time.sleep(0.5)
        begun = time.perf_counter()
        manager.interrupt_kernel()
        while client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != cell:
            pass
        taken = time.perf_counter() - begun
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        assert kept(recorded) == 3
        assert len(gone) == server.count("POST /v1/chat/completions") - 3
    return max(gone) - begun, taken


def main(rounds: int) -> int:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    ways = {"bare httpx": bare, "answers": ours, "answers, recorded": recorded}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(way, url))
    server.terminate()
    anchor = statistics.median(taken["bare httpx"])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(
            f"{name:18} {middle:6.3f} s, {middle / anchor:.2f} x bare ({', '.join(f'{one:.3f}' for one in times)})"
        )
    slowest = 0.0
    for words in ("ait.draft(", "await ait.adraft("):
        measured = [interrupted(words) for _ in range(rounds)]
        for what, times in zip(
            ("requests cancelled", "cell ended"), zip(*measured, strict=True), strict=True
        ):
            slowest = max(slowest, *times)
            print(
                f"interrupt of {words + '...)':22} {what:18} {statistics.median(times):.3f} s, "
                f"{max(times):.3f} s at most ({', '.join(f'{one:.3f}' for one in times)})"
            )
    ours_taken = max(statistics.median(taken[name]) for name in ("answers", "answers, recorded"))
    return 0 if ours_taken <= ALLOWED * anchor and slowest <= ENDS_WITHIN else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
