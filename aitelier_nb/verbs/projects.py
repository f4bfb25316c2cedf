"""Projects: make one, open one."""

from __future__ import annotations

from pathlib import Path

from aitelier_nb.errors import ProjectError, UsageError
from aitelier_nb.providers.base import provider_names
from aitelier_nb.schema import Config
from aitelier_nb.storage.project import Project, create, is_project
from aitelier_nb.verbs.current import current

__all__ = ["init", "open"]

EMBEDDED = "SmolLM2-135M-Instruct"


def init(
    name: str,
    provider: str = "local",
    model: str | None = None,
    system_prompt: str | None = None,
    threshold: int = 8,
    path: str | Path = ".",
) -> Project:
    """Make a project in a folder, or open it when the same one is there.

    Parameters
    ----------
    name
        What the project is called.
    provider
        Who trains and answers: local, together, fireworks, openai, compatible.
    model
        The base model; the local provider's is the embedded SmolLM2-135M-Instruct.
    system_prompt
        Put first into every conversation that is added.
    threshold
        The lowest rating (1-10) that is trained on.
    path
        The folder; it is made when it is missing.

    Raises
    ------
    ProjectError
        Another project is there; the message names what differs.
    UsageError
        A value that cannot be.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> project = ait.init("support-bot", path=folder)
    >>> project.config.quality_threshold
    8
    """
    config = _config(name, provider, model, system_prompt, threshold)
    folder = Path(path)
    if not is_project(folder):
        return current(create(folder, config))
    project = current(folder)
    there = project.config
    for field in ("name", "provider", "model", "system_prompt", "quality_threshold"):
        here, wanted = getattr(there, field), getattr(config, field)
        if here != wanted:
            words = field.replace("_", " ")
            told = [f"{value:g}" if isinstance(value, float) else repr(value) for value in (here, wanted)]
            raise ProjectError(
                f"{folder.resolve()}: a project is already here, and its {words} is {told[0]}, not {told[1]}",
                hint="open it with ait.open(), or choose another folder",
            )
    return project


def _config(name: str, provider: str, model: str | None, system_prompt: str | None, threshold: int) -> Config:
    if not name.strip():
        raise UsageError("a project needs a name", hint='ait init "my-project"')
    if provider not in provider_names():
        raise UsageError(f"there is no provider {provider!r}", hint=f"one of {', '.join(provider_names())}")
    if isinstance(threshold, bool) or not isinstance(threshold, int) or not 1 <= threshold <= 10:  # noqa: PLR2004
        raise UsageError(f"threshold {threshold!r} is no rating", hint="a whole number from 1 to 10")
    if model is None and provider != "local":
        raise UsageError(f"{provider} has no default model", hint="name one with model= (--model)")
    fields: dict[str, object] = {"name": name.strip(), "provider": provider, "model": model or EMBEDDED}
    if system_prompt:
        fields["system_prompt"] = system_prompt
    return Config.model_validate({**fields, "quality_threshold": threshold, "runs": []})


def open(path: str | Path = ".") -> Project:  # noqa: A001 - the verb's name
    """Open the project in a folder or above it.

    Projects of the `ait` command-line tool open as they are.

    Parameters
    ----------
    path
        The project's folder, or one inside it.

    Raises
    ------
    ProjectError
        There is no project there, or its config cannot be read.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> len(ait.open(folder).dataset)
    3
    """
    from aitelier_nb.storage.project import find

    return current(find(Path(path)))
