"""The provider named "local": models, training and answers on this machine, without key or network."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from aitelier_nb.errors import NotCallable, ProjectError
from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings
from aitelier_nb.providers.local import adapters, clusters, exports, jobs, library, packages, worker
from aitelier_nb.providers.local.answers import Contestant
from aitelier_nb.schema import Answer, Event, Job

__all__ = ["LocalProvider", "create"]

PREFIX = "local/"


def create(settings: Settings) -> LocalProvider:
    """Return the local provider of a project."""
    return LocalProvider(settings)


class LocalProvider:
    """Answers and trains on this machine.

    A model is named by the embedded model's name, a folder (of a model, or of an adapter that
    names its base), a Hugging Face name, or "local/JOB" for the result of a run.
    """

    name = "local"
    default_model: str | None = library.EMBEDDED.name
    costs_money = False

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield (place in requests, answer) as each is done; base and tuned share one runtime."""
        packages.require()
        contestants = {request.model: self._contestant(request.model) for request in requests}
        yield from worker.answers(requests, [contestants[request.model] for request in requests])

    def stream(self, request: ChatRequest) -> Generator[str, None, Answer]:
        """Yield one answer in pieces of text as they come, and return it whole."""
        packages.require()
        return (yield from worker.stream(request, self._contestant(request.model)))

    def identify(self, model: str) -> str:
        """Return what identifies the weights: base and adapter by their digests."""
        job_id = self._job_of(model)
        if job_id is None and adapters.is_whole(Path(model).expanduser()):
            folder = Path(model).expanduser()
            return f"{library.identity(adapters.base_of(folder))}+{adapters.digest(folder)}"
        if job_id is None:
            return library.identity(model)
        base = library.identity(jobs.asked(self._jobs(), job_id)["model"])
        return f"{base}+{adapters.digest(self.adapter(job_id))}"

    def close(self) -> None:
        """Let go of the model's memory."""
        worker.forget()

    def create_job(self, request: JobRequest) -> Job:
        """Start a run, continue a broken one, or return the one that stands."""
        packages.require()
        standing = self.find_job(request)
        if (address := request.hyperparameters.get("on")) and (
            standing is None or standing.status in ("failed", "cancelled")
        ):
            clusters.require(address)
        return jobs.create(self._jobs(), request)

    def find_job(self, request: JobRequest) -> Job | None:
        """Return the run that this request started earlier, if any."""
        return jobs.find(self._jobs(), request)

    def job(self, job_id: str) -> Job:
        """Return the run as it stands now, asked from any process."""
        return jobs.read(self._jobs(), job_id)

    def events(self, job_id: str) -> list[Event]:
        """Return the run's log, oldest first."""
        return jobs.events(self._jobs(), job_id)

    def cancel(self, job_id: str) -> Job:
        """End the run's processes and return it as it stands then."""
        return jobs.cancel(self._jobs(), job_id)

    def adapter(self, job_id: str) -> Path:
        """Return the folder of a run's adapter (PEFT's two files).

        Raises
        ------
        NotCallable
            The run has no adapter yet, or lost it.
        """
        folder = jobs.folder_of(self._jobs(), job_id) / "adapter"
        if not adapters.is_whole(folder):
            raise NotCallable(f"the run {job_id} has no adapter", hint="`ait status` says how the run stands")
        return folder

    def export(self, job_id: str, kind: str, path: Path) -> list[Path]:
        """Write a run's model for elsewhere and return the files: adapter, merged, gguf or recipe."""
        folder = jobs.folder_of(self._jobs(), job_id)
        if kind == "adapter":
            return exports.adapter(self.adapter(job_id), path)
        model = library.find(jobs.asked(self._jobs(), job_id)["model"]).folder
        if kind == "recipe":
            return exports.recipe(model, folder, path)
        write = {"merged": exports.merged, "gguf": exports.gguf}[kind]
        return write(model, self.adapter(job_id), path)

    def _contestant(self, model: str) -> Contestant:
        """Return the folders of what answers under a name: a base, or a base and its adapter."""
        job_id = self._job_of(model)
        if job_id is None and adapters.is_whole(Path(model).expanduser()):
            folder = Path(model).expanduser().resolve()
            return library.find(adapters.base_of(folder)).folder, folder
        if job_id is None:
            return library.find(model).folder, None
        adapter = self.adapter(job_id)
        return library.find(jobs.asked(self._jobs(), job_id)["model"]).folder, adapter

    def _job_of(self, model: str) -> str | None:
        """Return the run that a name means, or None where it means a base model."""
        if not model.startswith(PREFIX) or Path(model).exists():
            return None
        return model.removeprefix(PREFIX)

    def _jobs(self) -> Path:
        if self._settings.project is None:
            raise ProjectError("local runs lie in a project, and none was given", hint="open a project first")
        return self._settings.project / ".aitelier" / "jobs"
