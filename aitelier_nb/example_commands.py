"""The commands that make and judge examples: their options, and how their words become a call."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aitelier_nb as ait
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.parsing import Command, Parser, in_notebook, plain
from aitelier_nb.signatures import add_options

__all__ = ["EXAMPLES"]


def _text_of(path: str) -> str:
    """Return the text of a file without its last line end."""
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: there is no such file", hint="the option takes a file that holds the text"
        ) from error
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

    name, words = _standing(name, words)
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


def _standing(name: str | None, words: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return what a project that is there is called and made of, for what was left out."""
    from aitelier_nb.storage.project import is_project

    folder = Path(words.get("path", "."))
    if name is not None or not is_project(folder):
        return name, words
    config = ait.open(folder).config
    made = {"provider": config.provider, "model": config.model, "system_prompt": config.system_prompt}
    return config.name, made | {"threshold": round(config.quality_threshold)} | words


def _wants_merging(folder: Path) -> bool:
    """Ask, where a person is there and the project lies in git, whether git is to merge its examples."""
    from aitelier_nb.consent import is_person_there
    from aitelier_nb.storage.git import is_in_repository, merging_is_set_up

    if not is_person_there() or not is_in_repository(folder) or merging_is_set_up(folder):
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


EXAMPLES: dict[str, Command] = {
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
}
