"""Every command: its options, and the verb that it calls."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aitelier_nb as ait
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.parsing import Command, Parser, in_notebook, plain
from aitelier_nb.signatures import add_options

__all__ = ["COMMANDS"]


def _text_of(path: str) -> str:
    """Return the text of a file without its last line end."""
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file", hint="check the path") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the file and its permissions") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}", hint="save it as UTF-8") from error


def _rating(text: str) -> Any:
    """Return a whole number as one; anything else goes on as it is, to be refused as a rating."""
    return int(text) if text.strip().lstrip("-").isdigit() else text


def _init_options(parser: Parser) -> None:
    add_options(parser, ait.init, flags={"name": "NAME", "system_prompt": "--system"}, skip=("name",))
    parser.add_argument("name", nargs="?", metavar="NAME", help="what the project is called")
    parser.add_argument("--notebook", action="store_true", help="also write a report notebook")
    parser.add_argument("--merging", action="store_true", help="let git merge the examples of several people")


def _init(
    body: str | None,  # noqa: ARG001
    *,
    name: str | None = None,
    notebook: bool = False,
    merging: bool = False,
    **words: Any,
) -> Any:
    from aitelier_nb import asking
    from aitelier_nb.providers.base import provider_names

    if name is None:
        name = asking.ask_text("name of the project")
        if words.get("provider") is None:
            words["provider"] = asking.ask_text("provider", "local")
    provider = words.get("provider", "local")
    if provider != "local" and provider in provider_names() and "model" not in words:
        words["model"] = asking.ask_text(f"base model at {provider}")
    project = ait.init(name, **words)
    if notebook:
        from aitelier_nb.reports import template

        template.write(project.path, project.config.name)
    if merging or _wants_merging(project.path):
        ait.set_up_merging(project)
    return project


def _wants_merging(folder: Path) -> bool:
    """Ask, where a person is there and the project lies in git, whether git is to merge its examples."""
    from aitelier_nb.consent import is_person_there
    from aitelier_nb.storage.git import merging_is_set_up

    if not is_person_there() or not (folder / ".git").exists() or merging_is_set_up(folder):
        return False
    return input("let git merge the examples of several people? [Y/n] ").strip().lower() in ("", "y", "yes")


def _add_options(parser: Parser) -> None:
    parser.add_argument("--input", metavar="FILE", help="a file with what the user says")
    parser.add_argument("--output", metavar="FILE", help="a file with what the assistant should answer")
    parser.add_argument(
        "--messages", metavar="FILE", help="a file with a whole conversation, JSON or User:/Assistant:"
    )
    parser.add_argument(
        "--system", metavar="TEXT", help="the system prompt; the project's own when not given"
    )
    parser.add_argument("--rating", metavar="N", type=_rating, help="1 to 10")


def _add(
    body: str | None,
    *,
    input: str | None = None,  # noqa: A002 - the option's name
    output: str | None = None,
    messages: str | None = None,
    **words: Any,
) -> Any:
    from aitelier_nb import asking
    from aitelier_nb.formats import transcripts

    if body is not None:
        return ait.add(messages=transcripts.parse(body), **words)
    if messages is not None:
        return ait.add(messages=transcripts.parse(_text_of(messages)), **words)
    question = asking.ask_text("input") if input is None else _text_of(input)
    answer = asking.ask_text("output") if output is None else _text_of(output)
    return ait.add(question, answer, **words)


def _import_options(parser: Parser) -> None:
    add_options(parser, ait.load, flags={"source": "FILE"}, skip=("map",))
    for column in ("input", "output", "system", "rating"):
        parser.add_argument(f"--{column}-column", metavar="NAME", help=f"the column that holds the {column}")


def _import(body: str | None, **words: Any) -> Any:  # noqa: ARG001 - a cell makes no sense here
    names = ("input", "output", "system", "rating")
    columns = {name: words.pop(f"{name}_column", None) for name in names}
    chosen: Mapping[str, str] = {name: column for name, column in columns.items() if column}
    return ait.load(map=chosen or None, **words)


def _list_options(parser: Parser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--rated", action="store_true", help="only rated examples")
    group.add_argument("--unrated", action="store_true", help="only examples without a rating")
    add_options(parser, ait.examples, skip=("rated",))


def _list(body: str | None, *, rated: bool = False, unrated: bool = False, **words: Any) -> Any:  # noqa: ARG001
    return ait.examples(rated=True if rated else (False if unrated else None), **words)


def _rate_options(parser: Parser) -> None:
    parser.add_argument(
        "--below", "--min", dest="below", metavar="N", type=int, help="show rated ones under N again"
    )
    parser.add_argument("--id", metavar="ID", type=int, help="rate this example and ask nothing")
    parser.add_argument("--rating", metavar="R", type=_rating, help="the rating, 1 to 10")
    parser.add_argument("--rewrite", metavar="FILE", help="a file with the new answer")


def _rate(
    body: str | None,  # noqa: ARG001
    *,
    id: int | None = None,  # noqa: A002 - the option's name
    rating: int | None = None,
    rewrite: str | None = None,
    below: int | None = None,
    project: Any = None,
) -> Any:
    if id is None:
        if rating is not None or rewrite is not None:
            raise UsageError("--rating and --rewrite need --id", hint="ait rate --id 3 --rating 9")
        if in_notebook():
            return ait.rate(below=below, project=project)
        from aitelier_nb import asking

        return asking.rate_one_by_one(below, project)
    if rewrite is not None:
        return ait.rewrite(id, _text_of(rewrite), rating=rating, project=project)
    if rating is None:
        raise UsageError("--id needs --rating or --rewrite", hint="ait rate --id 3 --rating 9")
    return ait.set_rating(id, rating, project=project)


def _system_options(parser: Parser) -> None:
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("prompt", nargs="?", metavar="TEXT", help="the new system prompt")
    group.add_argument("--file", metavar="FILE", help="a file with the new system prompt")
    group.add_argument("--remove", action="store_true", help="take the system prompt out")
    parser.add_argument(
        "--ids", metavar="IDS", help='the examples to change, such as "1-20,31"; all when not given'
    )
    add_options(parser, ait.set_system, skip=("prompt", "ids"))


def _system(
    body: str | None,  # noqa: ARG001 - the prompt stands in the line or in a file
    *,
    prompt: str | None = None,
    file: str | None = None,
    remove: bool = False,  # noqa: ARG001 - without text and file it is what is left
    ids: str | None = None,
    **words: Any,
) -> Any:
    text = prompt if file is None else _text_of(file)
    return ait.set_system(text, ids=None if ids is None else _ids(ids), **words)


def _ids(text: str) -> list[int]:
    """Return the ids that "1-20,31" names."""
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise UsageError(f"{part!r} is no id", hint='write ids such as "1-20,31"')
        found += range(int(first), int(last or first) + 1)
    return found


def _annotate_options(parser: Parser) -> None:
    add_options(parser, ait.annotate, flags={"id": "ID"}, skip=("tags", "flagged"))
    parser.add_argument(
        "--tag", dest="tags", action="append", metavar="WORD", default=argparse.SUPPRESS,
        help="a tag, once for each; together they are all the tags that it has from now on",
    )  # fmt: skip
    parser.add_argument(
        "--flag", dest="flagged", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS,
        help="mark it for a second look, or take the mark off",
    )  # fmt: skip


def _annotate(body: str | None, **words: Any) -> Any:  # noqa: ARG001
    return ait.annotate(**words)


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
    **words: Any,
) -> Any:
    from aitelier_nb import voting

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


COMMANDS: dict[str, Command] = {
    "init": Command("init", _init, _init_options, needs_project=False),
    "add": Command("add", _add, _add_options, takes_body=True),
    "import": Command("load", _import, _import_options, aliases=("load",)),
    "list": Command("examples", _list, _list_options, aliases=("examples",)),
    "rate": Command(
        "rate", _rate, _rate_options, about="Rate examples one after the other, or one by its id."
    ),
    "system": Command("set_system", _system, _system_options),
    "annotate": Command("annotate", _annotate, _annotate_options),
    "undo": plain("undo"),
    "delete": plain("delete", flags={"id": "ID"}),
    "history": plain("history", flags={"id": "ID"}),
    "forget": plain("forget", flags={"id": "ID"}, confirms=True),
    "draft": plain("draft", flags={"inputs": "FILE"}, confirms=True),
    "ask": Command("ask", _ask, _ask_options, takes_body=True, confirms=True),
    "serve": Command("serve", _serve, lambda parser: add_options(parser, ait.serve)),
    "record": plain("record", confirms=True),
    "stats": plain("stats"),
    "split": plain("split", confirms=True),
    "format": plain("format"),
    "check": plain("check", flags={"path": "FILE"}),
    "export": plain("export", flags={"kind": "KIND", "path": "PATH"}),
    "train": Command("train", _train, _train_options, confirms=True),
    "status": Command("status", _status, _status_options),
    "cancel": plain("cancel", flags={"job": "JOB"}),
    "eval": Command("evaluate", _eval, _eval_options, aliases=("evaluate",), confirms=True),
    "report": plain("report", flags={"path": "PATH"}),
    "freeze": plain("freeze"),
    "rerun": plain("rerun", flags={"notebook": "NOTEBOOK"}, needs_project=False),
    "share": plain("share", flags={"notebook": "NOTEBOOK"}, needs_project=False),
    "verify": plain("verify", flags={"path": "PATH"}),
    "model": plain(
        "models", flags={"action": "ACTION", "name": "NAME"}, aliases=("models",), needs_project=False
    ),
    "key": plain("key", flags={"provider": "PROVIDER"}),
    "doctor": plain("doctor", needs_project=False),
    "merge-driver": plain(
        "merge_driver", flags={"base": "BASE", "ours": "OURS", "theirs": "THEIRS"}, needs_project=False
    ),
    "demo": plain("demo", flags={"path": "DIR"}, needs_project=False),
}
