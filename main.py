"""The line that uvicorn runs: ``uvicorn main:app``."""

from app.api.app import create_app
from app.errors import SettingsError
from app.settings import load_settings

try:
    app = create_app(load_settings())
except SettingsError as error:
    raise SystemExit(f"PR Telemetry cannot start. {error.detail}") from None
