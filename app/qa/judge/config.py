"""Which models are asked, where, how often and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.errors import SettingsError

DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
MAX_SAMPLES = 9
MAX_MODELS = 9
MAX_NAME_CHARACTERS = 200
"""Of a model."""
TEMPERATURE_OF_SEVERAL, TEMPERATURE_OF_ONE = 0.7, 0.0
FIRST_SEED = 101


@dataclass(frozen=True)
class LLMConfig:
    """One endpoint, and what it is asked for.

    Raises:
        SettingsError: a value cannot be used in a request.
    """

    api_key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    """One model, or a jury: several, with commas between them."""
    samples: int = 3
    """How many answers each model gives."""
    temperature: float | None = None
    """``None``: 0 for one sample, .7 for several."""
    timeout_s: float = 30.0
    """Of one request."""
    deadline_s: float = 60.0
    """Of a whole judgement, pauses and repairs included."""
    input_tokens: int = 48_000
    """Most that a request says, estimated."""
    output_tokens: int = 4_000
    """Most that an answer may take; a repair of one that was cut off may take twice as much."""
    max_tokens: int | None = None
    """Most that one judgement may take in all; ``None`` for no bound."""

    def __post_init__(self) -> None:
        if not self.api_key or not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            raise SettingsError("The judge's API key is empty or holds characters that no HTTP header can carry")
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise SettingsError("The judge's base URL has to begin with http:// or https:// and name a host")
        if not 1 <= len(self.models) <= MAX_MODELS:
            raise SettingsError(f"The judge asks 1 to {MAX_MODELS} models, not {len(self.models)}")
        if not all(name.isprintable() and len(name) <= MAX_NAME_CHARACTERS for name in self.models):
            raise SettingsError(f"A model's name has at most {MAX_NAME_CHARACTERS} characters, and no control characters")
        if not 1 <= self.samples <= MAX_SAMPLES:
            raise SettingsError(f"The judge takes 1 to {MAX_SAMPLES} samples, not {self.samples}")

    @property
    def models(self) -> tuple[str, ...]:
        """The jury, each model once."""
        return tuple(dict.fromkeys(name.strip() for name in self.model.split(",") if name.strip()))

    @property
    def asked_temperature(self) -> float:
        """The temperature that is asked for."""
        if self.temperature is not None:
            return self.temperature
        return TEMPERATURE_OF_ONE if self.samples == 1 else TEMPERATURE_OF_SEVERAL

    @property
    def parameters(self) -> dict[str, str | int | float | None]:
        """What an answer depends on besides the question, the model and the endpoint."""
        return {
            "temperature": self.asked_temperature,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }

    @property
    def endpoint_host(self) -> str:
        """Host and port of the endpoint, without path and credentials."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def seed(self, sample: int) -> int:
        """The seed of a sample: the same in every judgement."""
        return FIRST_SEED + sample
