"""What comes in from other tools, and what goes out to them."""

from __future__ import annotations

from app import __version__
from app.errors import InvalidError, SettingsError
from app.rules.redaction.policy import RedactionPolicy, parse_policy
from app.services.export import ExportService
from app.services.export_code import CodeReader
from app.services.intake import Intake
from app.services.qa_run import WorkspaceFinder
from app.services.queries import QueryService
from app.settings import Settings
from app.storage.file_traces import FileTraceStore


def intake_of(settings: Settings) -> Intake:
    """What the operator wants replaced before anything is kept.

    Raises:
        SettingsError: ``REDACTION`` is no policy.
    """
    return Intake(redaction_policy(settings))


def redaction_policy(settings: Settings) -> RedactionPolicy:
    """What is replaced before anything is stored.

    Raises:
        SettingsError: REDACTION names a rule that there is not.
    """
    try:
        return parse_policy(settings.redaction)
    except InvalidError as error:
        raise SettingsError(f"REDACTION: {error.detail}") from None


def make_exports(store: FileTraceStore, queries: QueryService, finder: WorkspaceFinder, intake: Intake) -> ExportService:
    """Exports of what is stored; code that holds secrets stays here."""

    def has_secrets(text: str) -> bool:
        # an address of a person stands in many a file of a public repository; that is no secret
        return not intake.screen_text(text)[1].keys() <= {"email", "user_path"}

    code = CodeReader(finder.find, lambda text: intake.screen_text(text)[0])
    return ExportService(store, queries.find, code, has_secrets, __version__)
