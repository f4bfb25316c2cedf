"""The one definition of each field: what an example, a config, a run, a job, an answer and a vote hold.

Attributes are in snake_case, keys on disk in the camelCase of the `ait` tool's files;
unknown keys are kept, so that what another tool wrote survives.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "OWN_KEYS",
    "Answer",
    "Config",
    "Conversation",
    "Edit",
    "Event",
    "Example",
    "Finding",
    "Job",
    "Message",
    "Parameters",
    "PlainMessage",
    "Problem",
    "Rejection",
    "Run",
    "Split",
    "Status",
    "Vote",
]

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
Split = Literal["train", "val"]
Status = Literal["pending", "running", "completed", "failed", "cancelled"]
Outcome = Literal["W", "T", "L", "B"]

OWN_KEYS = ("ratings", "source", "group", "tags", "note", "flagged")
"""Top-level keys of a line that are ours and not the `ait` tool's; the list is closed."""


class _Record(BaseModel):
    """Base of what lies on disk: camelCase keys, unknown keys kept, secrets never in an error."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        hide_input_in_errors=True,
        protected_namespaces=(),
    )

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is written: camelCase keys, keys that are not set left out."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Message(BaseModel):
    """One turn of a conversation, in the shape that chat providers take."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    role: Role
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    weight: int | None = None

    @property
    def text(self) -> str:
        """The turn as text: its content, or its text parts one after the other."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or [])

    def to_json(self) -> dict[str, Any]:
        """Return the message with only the keys that were set."""
        return self.model_dump(exclude_unset=True)


class PlainMessage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A message of a role and a text, and nothing else: what is read by the hundred thousand."""

    role: Role
    content: str


class Conversation(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A row of nothing but plain messages, before it is an example."""

    messages: Annotated[list[PlainMessage], msgspec.Meta(min_length=1)]

    def to_json(self) -> dict[str, Any]:
        """Return the row as an object."""
        return {"messages": [{"role": turn.role, "content": turn.content} for turn in self.messages]}


class Example(_Record):
    """One conversation with its rating: a line of data/examples.jsonl.

    The last assistant turn is the training target. `original_output` is the first text that
    it ever had, once it was rewritten.
    """

    id: int = Field(ge=1)
    messages: list[Message]
    rating: int | None = Field(default=None, ge=1, le=10)
    created_at: str = ""
    version: int = 1
    original_output: str | None = None
    split: Split | None = None
    ratings: dict[str, int] | None = None
    source: Any = None
    group: str | int | None = None
    tags: list[str] | None = None
    note: str | None = None
    flagged: bool | None = None

    @property
    def system(self) -> str | None:
        """The system prompt, or None."""
        first = self.messages[0] if self.messages else None
        return first.text if first is not None and first.role in ("system", "developer") else None

    @property
    def input(self) -> str:
        """The last user turn before the output: what the model has to answer."""
        return next((m.text for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def output(self) -> str:
        """The last assistant turn: the answer to learn."""
        return next((m.text for m in reversed(self.messages) if m.role == "assistant"), "")

    @property
    def prompt(self) -> list[Message]:
        """All turns before the last assistant turn: what a model is asked in an evaluation."""
        places = [place for place, message in enumerate(self.messages) if message.role == "assistant"]
        return self.messages[: places[-1]] if places else list(self.messages)


class Edit(_Record):
    """One change of one example, as journal and history keep it.

    `before` and `after` hold only the keys that changed (a deleted example keeps its whole line
    in `before`, an added one in `after`). `event` is unique; a bulk operation is one event with
    many edits.
    """

    event: str
    at: str
    by: str
    id: int
    created_at: str = ""
    kind: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Problem(BaseModel):
    """A line of a file that could not be used, and why."""

    file: str
    line: int
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        end = f"; {self.remedy}" if self.remedy else ""
        return f"{self.file}:{self.line}: {self.reason}{end}"


class Rejection(BaseModel):
    """A row of an imported file that was left out, and why; `raw` is the row as it stood."""

    line: int
    reason: str
    remedy: str = ""
    raw: str = ""


class Finding(BaseModel):
    """One thing that a check of a training file found; `line` is 1-based, None for the whole file.

    Where the file is made from examples, it says which file and which example.
    """

    line: int | None = None
    file: str = ""
    example: int | None = None
    rule: str
    severity: Literal["error", "warning"]
    message: str
    remedy: str = ""
    source: str = ""


class Run(_Record):
    """One fine-tune, as it stands in `.aitelier.json`; what is ours lies under `aitelier_nb`."""

    job_id: str
    provider: str
    started_at: str
    status: Status = "pending"
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    model_id: str | None = None
    aitelier_nb: dict[str, Any] = Field(default_factory=dict)


class Config(_Record):
    """A project's settings and runs: the file `.aitelier.json`.

    `quality_threshold` is the lowest rating that is trained on (1-10).
    """

    name: str
    provider: str = "local"
    model: str | None = None
    system_prompt: str | None = None
    quality_threshold: float = 8
    runs: list[Run] = Field(default_factory=list)
    aitelier_nb: dict[str, Any] = Field(default_factory=dict)


class Parameters(BaseModel):
    """How a model is asked; None means that nothing is sent and the provider's default holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] | None = None


class Answer(BaseModel):
    """What a model said to one request; `error` is set instead of `text` when it failed.

    `finish_reason` is "stop", "length", "content_filter", "tool_calls", "refusal" or "error".
    Token counts are None where the provider does not tell.
    """

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, protected_namespaces=())

    model: str
    text: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    fingerprint: str | None = None


class Event(BaseModel):
    """One line of a job's log. Times are UTC (ISO 8601); steps count from 1; loss in nats per token."""

    model_config = ConfigDict(extra="allow")

    at: str = ""
    kind: str = "message"
    message: str = ""
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    validation_loss: float | None = None


class Job(BaseModel):
    """A training job as its provider sees it now.

    `status` is one of the five words of the project file; `provider_status` is the provider's
    own word. `model_id` is set once the tuned model exists, `callable` says whether it can be
    asked as it is. `seconds_left` is an estimate.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    id: str
    status: Status
    provider_status: str = ""
    model_id: str | None = None
    callable: bool | None = None
    error: str | None = None
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    seconds_left: float | None = None
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    created_at: str | None = None
    finished_at: str | None = None


class Vote(BaseModel):
    """One judgement of one pair. `choice` is "left", "right", "tie" or "bad" (both are)."""

    model_config = ConfigDict(extra="allow")

    id: int
    created_at: str = ""
    choice: Literal["left", "right", "tie", "bad"]
    by: str
    at: str
    left_sha256: str = ""
    repeat: bool = False
    session: str = ""
    seq: int | None = None
