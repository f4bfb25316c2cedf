"""Every error that this package raises on purpose, each with a sentence and a remedy.

AitelierError
├── UsageError            wrong words on a command line or in a magic
├── ConfirmationNeeded    something that costs, moves or erases needs a yes
├── ProjectError          no project here, or one that cannot be read
├── DataError             a line, a file or a value that is not what it should be
│   ├── CheckFailed       a training file that the provider would refuse
│   └── ConflictError     the example moved on since it was read
├── StorageError          the disk said no: full, read-only, locked
├── SplitError            nothing to split, or a split that must not be
├── EvaluationError       answers, scores or votes that cannot be used
│   └── StudyError        a study that was changed, or is not finished
├── ReportError           a report that cannot be written or does not verify
└── ProviderError         a model or a service said no
    ├── ModelMissing      the model's files are not on this machine
    ├── KeyMissing        no key for the provider
    ├── AuthenticationError   the key was refused
    ├── PermissionRefused     the account may not do this
    ├── NotFound          no such model, file or job
    ├── RateLimited       too many requests; waiting did not help
    ├── QuotaExceeded     the account's credit is used up
    ├── ResponseError     an answer that cannot be read
    ├── ConnectionFailed  no answer at all
    ├── ServiceFailed     the service broke down (HTTP 5xx)
    ├── NotCallable       trained, but nothing serves it yet
    ├── ReplayMiss        an answer that was never recorded
    └── TrainingError     a job that failed or was ended

To add one: subclass the nearest, write its line above, raise it at the edge with
`from error`, and give the remedy as `hint`.
"""

from __future__ import annotations

__all__ = [
    "AitelierError",
    "AuthenticationError",
    "CheckFailed",
    "ConfirmationNeeded",
    "ConflictError",
    "ConnectionFailed",
    "DataError",
    "EvaluationError",
    "KeyMissing",
    "ModelMissing",
    "NotCallable",
    "NotFound",
    "PermissionRefused",
    "ProjectError",
    "ProviderError",
    "QuotaExceeded",
    "RateLimited",
    "ReplayMiss",
    "ReportError",
    "ResponseError",
    "ServiceFailed",
    "SplitError",
    "StorageError",
    "StudyError",
    "TrainingError",
    "UsageError",
]


class AitelierError(Exception):
    """Base of every error that this package raises on purpose.

    Parameters
    ----------
    message
        One sentence that names file and line, and the value.
    hint
        What to do about it, as an imperative.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """Return the two lines that a notebook shows instead of a stack."""
        lines = [f"{type(self).__name__}: {self}"]
        return [*lines, f"Try: {self.hint}"] if self.hint else lines


class UsageError(AitelierError):
    """Wrong words on a command line or in a magic."""


class ConfirmationNeeded(AitelierError):
    """Something that costs, moves or erases needs a yes, and nobody is there to give it."""


class ProjectError(AitelierError):
    """No project here, or one that cannot be read."""


class DataError(AitelierError):
    """A line, a file or a value that is not what it should be."""


class CheckFailed(DataError):
    """A training file that the provider would refuse."""


class ConflictError(DataError):
    """The example moved on since it was read."""


class StorageError(AitelierError):
    """The disk said no: full, read-only, locked."""


class SplitError(AitelierError):
    """Nothing to split, or a split that must not be."""


class EvaluationError(AitelierError):
    """Answers, scores or votes that cannot be used."""


class StudyError(EvaluationError):
    """A study that was changed, or is not finished."""


class ReportError(AitelierError):
    """A report that cannot be written or does not verify."""


class ProviderError(AitelierError):
    """A model or a service said no."""


class ModelMissing(ProviderError):
    """The model's files are not on this machine."""


class KeyMissing(ProviderError):
    """No key for the provider."""


class AuthenticationError(ProviderError):
    """The key was refused."""


class PermissionRefused(ProviderError):
    """The account may not do this."""


class NotFound(ProviderError):
    """No such model, file or job."""


class RateLimited(ProviderError):
    """Too many requests; waiting did not help."""


class QuotaExceeded(ProviderError):
    """The account's credit is used up."""


class ResponseError(ProviderError):
    """An answer that cannot be read."""


class ConnectionFailed(ProviderError):
    """No answer at all."""


class ServiceFailed(ProviderError):
    """The service broke down; the request may have been carried out or not."""


class NotCallable(ProviderError):
    """Trained, but nothing serves it yet."""


class ReplayMiss(ProviderError):
    """An answer that was never recorded."""


class TrainingError(ProviderError):
    """A job that failed or was ended."""
