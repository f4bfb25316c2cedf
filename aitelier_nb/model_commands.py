"""The commands that ask, train and judge models: their options, and how their words become a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aitelier_nb as ait
from aitelier_nb.errors import UsageError
from aitelier_nb.parsing import Command, Parser, in_notebook, plain
from aitelier_nb.signatures import add_options

__all__ = ["ANSWERS", "TUNING"]


def _train_options(parser: Parser) -> None:
    from aitelier_nb.tuning.hyperparameters import HYPERPARAMETERS

    for name, known in HYPERPARAMETERS.items():
        flag = f"--{name.replace('_', '-')}"
        if known.type is bool:
            parser.add_argument(flag, dest=name, action="store_true", default=None, help=known.help)
        else:
            parser.add_argument(flag, dest=name, metavar="X", help=known.help.replace("%", "%%"))
    parser.add_argument(
        "--kind", choices=("chat", "preference"), default="chat", help="conversations, or pairs"
    )
    parser.add_argument("--model", metavar="NAME", help="the base model; the project's own when not given")
    parser.add_argument("--provider", metavar="NAME", help="who trains, from now on; kept in the project")
    parser.add_argument("--suffix", metavar="WORD", help="a word in the tuned model's name")
    parser.add_argument("--force", action="store_true", help="start another run although this one is there")
    parser.add_argument("--dry-run", action="store_true", help="show price and limits, and start nothing")
    parser.add_argument("--wait", action="store_true", help="return when the run has ended")


def _train(body: str | None, *, wait: bool = False, **words: Any) -> Any:  # noqa: ARG001
    from aitelier_nb.tuning.hyperparameters import HYPERPARAMETERS

    for name, known in HYPERPARAMETERS.items():
        if words.get(name) is None:
            words.pop(name, None)
        elif known.type in (int, float) and words[name] not in known.words:
            words[name] = _as_number(name, words[name])
    run = ait.train(**words)
    return run.wait() if wait and not words["dry_run"] else run


def _as_number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--{name.replace('_', '-')} {text}: not a number", hint="ait train --help"
        ) from None


def _status_options(parser: Parser) -> None:
    parser.add_argument("--all", action="store_true", help="every run of the project")
    parser.add_argument("--wait", action="store_true", help="return when the runs under way have ended")


def _status(body: str | None, *, all: bool = False, wait: bool = False, project: Any = None) -> Any:  # noqa: A002, ARG001
    shown = ait.status(all=all, project=project)
    if wait:
        for run in shown.found:
            run.wait()
    return shown


def _eval_options(parser: Parser) -> None:
    parser.add_argument("--run", metavar="JOB", help="the run; the last one when not given")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="tokens of an answer at most")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 (greedy) when not given")
    parser.add_argument(
        "--batch", action="store_true", help="by the provider's batch service: cheaper, within a day"
    )
    parser.add_argument(
        "--mode", default="auto", choices=("auto", "record", "replay", "live"), help="of recordings"
    )
    parser.add_argument(
        "--check",
        dest="checks",
        action="append",
        metavar="CHECK",
        help="exact, json, regex:PATTERN, contains:TEXT or length:MOST; may be given several times",
    )
    parser.add_argument("--history", action="store_true", help="every evaluation so far; asks nobody")
    group = parser.add_argument_group("blind comparison")
    group.add_argument(
        "--compare",
        nargs="*",
        metavar="MODEL",
        help="compare base and tuned blind, pair by pair, or two or more models that are named",
    )
    group.add_argument("--base", metavar="MODEL", help="the other model; the run's base model when not given")
    group.add_argument("--sequential", action="store_true", help="one may stop once the evidence suffices")
    group.add_argument("--alpha", type=float, metavar="A", help="the chance of a false verdict; 0.05")
    group.add_argument("--repeats", type=int, metavar="K", help="pairs that come again, with swapped sides")
    group.add_argument("--judge", metavar="MODEL", help="let a model vote too, in both orders")
    group.add_argument("--reveal", action="store_true", help="end the voting and say what the votes show")


def _eval(  # noqa: PLR0913 - the options of the command
    body: str | None,  # noqa: ARG001
    *,
    compare: Sequence[str] | None = None,
    run: str | None = None,
    checks: list[str] | None = None,
    base: str | None = None,
    sequential: bool = False,
    alpha: float | None = None,
    repeats: int | None = None,
    judge: str | None = None,
    reveal: bool = False,
    history: bool = False,
    **words: Any,
) -> Any:
    from aitelier_nb import voting

    if history:
        from aitelier_nb.evaluation import timeline
        from aitelier_nb.verbs.current import current

        return timeline.history(current(words.get("project")))

    plan = {"alpha": alpha, "repeats": repeats, "study": "sequential" if sequential else None}
    if compare is None:
        only: dict[str, Any] = {"--base": base, "--judge": judge, "--reveal": reveal or None}
        only |= {"--sequential": sequential or None, "--alpha": alpha, "--repeats": repeats}
        if given := [name for name, value in only.items() if value is not None]:
            raise UsageError(f"{given[0]} needs --compare", hint="ait eval --compare")
        return voting.score(ait.evaluate(run, checks=checks or (), **words), ask=not in_notebook())
    if checks:
        raise UsageError("--check does not go with --compare", hint="ait eval --check exact")
    if words.pop("batch", False):
        raise UsageError("--batch does not go with --compare", hint="ait eval --batch first, then --compare")
    plan = {key: value for key, value in plan.items() if value is not None}
    blind = ait.compare(base, run, models=compare, **plan, **words)
    if judge is not None:
        blind.judge(judge, confirm=words.get("confirm"), mode=words.get("mode", "auto"))
    return blind.reveal() if reveal else voting.vote(blind, ask=not in_notebook())


def _ask_options(parser: Parser) -> None:
    add_options(parser, ait.ask, skip=("text", "models"))
    parser.add_argument(
        "text", nargs="?", metavar="TEXT", help="the question; under %%%%ait ask the cell holds it"
    )
    parser.add_argument(
        "--model", dest="models", action="append", metavar="NAME", help="a model to ask; may be repeated"
    )


def _ask(body: str | None, *, text: str | None = None, **words: Any) -> Any:
    from aitelier_nb import asking

    if body is not None and text is not None:
        raise UsageError("the question stands in the line and in the cell", hint="leave one of them out")
    question = body.strip() if body is not None else text
    return ait.ask(asking.ask_text("question") if question is None else question, **words)


def _serve(body: str | None, **words: Any) -> Any:  # noqa: ARG001 - a cell makes no sense here
    from aitelier_nb import asking

    serving = ait.serve(**words)
    return serving if in_notebook() else asking.until_interrupted(serving)


def _deploy(body: str | None, **words: Any) -> Any:  # noqa: ARG001 - a cell makes no sense here
    from aitelier_nb.verbs.endpoints import Deployed, ended_by_signal

    if in_notebook():
        return ait.deploy(**words)
    with ended_by_signal():
        deployed = ait.deploy(**words)
        return deployed.hold() if isinstance(deployed, Deployed) else deployed


def _deploy_options(parser: Parser) -> None:
    add_options(parser, ait.deploy, flags={"model": "MODEL"})


ANSWERS: dict[str, Command] = {
    "draft": plain("draft", flags={"inputs": "FILE"}, confirms=True),
    "ask": Command("ask", _ask, _ask_options, takes_body=True, confirms=True),
    "serve": Command("serve", _serve, lambda parser: add_options(parser, ait.serve)),
    "record": plain("record", confirms=True),
}
TUNING: dict[str, Command] = {
    "train": Command("train", _train, _train_options, confirms=True),
    "status": Command("status", _status, _status_options),
    "cancel": plain("cancel", flags={"job": "JOB"}),
    "deploy": Command("deploy", _deploy, _deploy_options, confirms=True),
    "eval": Command("evaluate", _eval, _eval_options, aliases=("evaluate",), confirms=True),
}
