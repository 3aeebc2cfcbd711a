"""Every environment variable the server knows, typed, read once. ``.env`` in the working directory fills what is not set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import Fault, SettingsError

MIB = 1024 * 1024


def _no_blank(value: str | None) -> str | None:
    return value or None


def _no_blank_secret(value: SecretStr | None) -> SecretStr | None:
    return value if value is not None and value.get_secret_value() else None


OptionalText = Annotated[str | None, AfterValidator(_no_blank)]
OptionalSecret = Annotated[SecretStr | None, AfterValidator(_no_blank_secret)]


class Settings(BaseSettings):
    """What the operator decides. The name of a field, in capitals, is the environment variable."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    api_token: OptionalSecret = None
    """Clients send it as ``Authorization: Bearer …``."""
    allow_open_loopback: bool = False
    """Run without a token and answer clients on this machine only."""
    host: str = "127.0.0.1"
    """Address that ``serve`` listens on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port that ``serve`` listens on."""
    data_dir: Path = Path("data")
    """Where traces and artifacts lie."""
    repos_dir: Path | None = None
    """Folder of the operator's own repositories, found by ``repo.name``."""

    max_body_bytes: Annotated[int, Field(gt=0)] = 10 * MIB
    """Largest request body, save for artifacts."""
    max_artifact_bytes: Annotated[int, Field(gt=0)] = 256 * MIB
    """Largest artifact as it arrives."""
    max_tree_bytes: Annotated[int, Field(gt=0)] = 512 * MIB
    """Largest workspace, unpacked."""
    max_tree_files: Annotated[int, Field(gt=0)] = 50_000
    """Most files and folders in a workspace."""
    body_timeout_s: Annotated[float, Field(gt=0)] = 30
    """How long a request body may take, and the head of a request; a body gets a second more for every 8 KiB that came."""

    runner_image: str = "pr-telemetry-runner:1"
    """Container image that tests run in. It is never pulled."""
    sandbox_memory_bytes: Annotated[int, Field(ge=64 * MIB)] = 2048 * MIB
    """Memory of a test run, work directory included; there is no swap."""
    sandbox_cpus: Annotated[float, Field(gt=0)] = 2
    """Processors of a test run."""
    sandbox_timeout_s: Annotated[float, Field(gt=0)] = 300
    """Wall-clock limit of a test run."""
    sandbox_pids: Annotated[int, Field(ge=16)] = 256
    """Most processes and threads in a test run."""
    sandbox_work_bytes: Annotated[int, Field(ge=MIB)] = 512 * MIB
    """Size of the work directory of a test run."""
    sandbox_runtime: OptionalText = None
    """Container runtime, such as ``runsc``; the engine's own where it is left out."""
    allowed_images: OptionalText = None
    """Images that a trace may ask for (``repo.image``): names or patterns, with commas between them."""
    dependencies: Literal["off", "wheelhouse", "index"] = "off"
    """Where packages that a trace declares (``repo.requirements``) come from; ``off`` takes them to be in the image."""
    wheelhouse: Path | None = None
    """Folder of wheels."""
    max_dependency_images: Annotated[int, Field(ge=1)] = 20
    """How many images with dependencies are kept."""
    reruns: Annotated[int, Field(ge=0, le=100)] = 7
    """How often the tests that decide are run again on each tree."""
    rerun_budget_s: Annotated[float, Field(gt=0)] = 60
    """How long the tests of these reruns may take on each tree; at least one is made."""
    max_parallel_sandboxes: Annotated[int, Field(ge=1)] = 3
    """How many test runs go on at once."""
    warm_sandboxes: Annotated[int, Field(ge=0)] = 2
    """How many containers are started ahead."""
    max_parallel_finalizes: Annotated[int, Field(ge=1)] = 3
    """How many finalizes run at once; others wait in line."""

    replay: Literal["on", "off"] = "on"
    """Whether a finalize replays the session and settles what its events claim."""
    replay_budget_s: Annotated[float, Field(gt=0)] = 120
    """How long after its beginning a replay may begin another run in the sandbox."""

    judge: Literal["auto", "llm", "heuristic", "off"] = "auto"
    """``auto``: a language model where ``OPENAI_API_KEY`` is set, rules otherwise."""
    openai_api_key: OptionalSecret = None
    openai_base_url: OptionalText = None
    """Any endpoint that speaks the OpenAI chat completions API."""
    judge_model: str = "gpt-4o-mini"
    """Model that is asked, or several with commas between them: a jury."""
    judge_samples: Annotated[int, Field(ge=1, le=9)] = 3
    """How many answers each model gives."""
    judge_rubrics: str = "reasoning-5,process-6"
    """Ids of the rubrics that a finalize judges by, with commas between them."""
    rubrics_dir: Path | None = None
    """Folder of further rubrics (``*.toml``)."""
    judge_temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    """0 for one sample and .7 for several where it is left out."""
    judge_input_tokens: Annotated[int, Field(ge=4000)] = 48_000
    """Most that a model is shown, estimated; a longer session is shown in less detail."""
    judge_output_tokens: Annotated[int, Field(ge=256)] = 4_000
    """Most that an answer may take; the repair of one that was cut off may take twice as much."""
    judge_max_tokens: Annotated[int | None, Field(gt=0)] = None
    """Most tokens that one judgement may take."""
    judge_prices: Path | None = None
    """File of what models cost (TOML)."""
    judge_daily_budget: Annotated[float | None, Field(gt=0)] = None
    """Most money that judging may take in a day by UTC, in the currency of the price file."""
    judge_cache_entries: Annotated[int, Field(ge=0)] = 20_000
    """How many answers of models are kept; 0 for none."""
    max_judged_bytes: Annotated[int, Field(gt=0)] = 64 * MIB
    """Largest trace whose reasoning is judged; larger ones are tested, sealed and handed out all the same."""
    judge_timeout_s: Annotated[float, Field(gt=0)] = 30
    """Longest wait for one answer of the model."""
    judge_deadline_s: Annotated[float, Field(gt=0)] = 60
    """Longest time for one judgement, retries included."""

    retention_days: Annotated[int | None, Field(gt=0)] = None
    """Traces are removed this many days after they were created; never where it is left out."""
    redaction: str = "default"
    """Which secrets and personal data are replaced before anything is stored: ``default``, ``off``, ``default,-email`` …"""
    upload_token_lifetime_s: Annotated[float, Field(gt=0)] = 7 * 24 * 3600
    """How long a recorder's upload token is good for."""
    signing_key_file: Path | None = None
    """Ed25519 private key (PEM) that seals are signed with; the data directory's own where it is left out."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: one or more are wrong; the message names each variable and says why, and never shows its value.
    """
    return check_settings(load_unchecked_settings())


def load_unchecked_settings() -> Settings:
    """The settings of this process, for what needs no server: each is right by itself, but they may not make one together.

    Raises:
        SettingsError: one or more are wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [Fault(("_".join(str(part) for part in fault["loc"][:1]).upper(),), fault["msg"]) for fault in error.errors()]
        raise SettingsError("Wrong settings: " + "; ".join(f"{fault.loc[0]}: {fault.msg}" for fault in faults)) from None


def check_settings(settings: Settings) -> Settings:
    """What no single variable can tell.

    Raises:
        SettingsError: there is no token and the server is not told to run open, or the judge lacks its key, or there is no
            folder of wheels.
    """
    if settings.api_token is None and not settings.allow_open_loopback:
        raise SettingsError(
            "API_TOKEN is not set. Set it (clients send it as 'Authorization: Bearer …'), "
            "or set ALLOW_OPEN_LOOPBACK=true to answer clients on this machine without one."
        )
    if settings.dependencies == "wheelhouse" and (settings.wheelhouse is None or not settings.wheelhouse.is_dir()):
        raise SettingsError("DEPENDENCIES is 'wheelhouse', but WHEELHOUSE names no folder.")
    if settings.judge == "llm" and settings.openai_api_key is None:
        raise SettingsError("JUDGE is 'llm', but OPENAI_API_KEY is not set.")
    return settings
