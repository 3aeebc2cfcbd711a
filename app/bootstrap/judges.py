"""The judges, their rubrics, and what they share."""

from __future__ import annotations

from functools import partial

from app.errors import InvalidError, SettingsError
from app.models.judgement import JudgeIdentity, JudgeMode
from app.qa.base import Judge
from app.qa.judge.budget import FileLedger, NoLedger
from app.qa.judge.cache import FileSampleCache, NoSampleCache
from app.qa.judge.config import DEFAULT_BASE_URL, LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.llm import JudgeTools, LLMJudge
from app.qa.judge.modes import NO_MODEL, DecliningJudge, judge_of_mode
from app.qa.judge.prices import Prices, load_prices
from app.qa.judge.rubric import load_rubrics
from app.qa.judging import Judging, UnknownRubricError
from app.settings import Settings
from app.utils.clock import utc_now


def make_judging(settings: Settings) -> Judging:
    """Judges and rubrics, as the settings want them.

    Raises:
        SettingsError: a rubric cannot be used, or the judge cannot be asked.
    """
    try:
        rubrics = load_rubrics(settings.rubrics_dir)
        names = [name.strip() for name in settings.judge_rubrics.split(",")]
        tools = _judge_tools(settings)
        return Judging(
            partial(_judge, settings, tools), settings.judge, rubrics, names, _too_large(settings), tools.cache.forget
        )
    except UnknownRubricError as error:
        raise SettingsError(f"JUDGE_RUBRICS: {error.detail}") from None
    except InvalidError as error:
        raise SettingsError(f"RUBRICS_DIR: {error.detail}") from None


def _judge(settings: Settings, tools: JudgeTools, mode: JudgeMode, model: str | None) -> Judge:
    """The judge of a mode: a request may ask for another one than the server's own, and for another model or jury."""
    try:
        config = _llm_config(settings, model)
    except SettingsError as error:
        return DecliningJudge(NO_MODEL, "failed", f"configuration: {error.detail}")
    counting = HeuristicJudge()
    return judge_of_mode(mode, counting, LLMJudge(config, tools, counting) if config is not None else None)


def _judge_tools(settings: Settings) -> JudgeTools:
    """What all model judges of this application share.

    Raises:
        SettingsError: the judge cannot be asked by these settings.
    """
    prices = load_prices(settings.judge_prices) if settings.judge_prices is not None else Prices()
    config, budget = _llm_config(settings), settings.judge_daily_budget
    unpriced = [model for model in config.models if prices.of(model) is None] if config is not None else []
    if budget is not None and unpriced:
        raise SettingsError(f"JUDGE_DAILY_BUDGET is set, but JUDGE_PRICES tells no price for {', '.join(unpriced)}")
    folder, entries = settings.data_dir / "cache" / "judgements", settings.judge_cache_entries
    return JudgeTools(
        cache=FileSampleCache(folder, entries) if entries else NoSampleCache(),
        ledger=FileLedger(settings.data_dir / "judge-spending.json", budget, utc_now) if budget is not None else NoLedger(),
        prices=prices,
    )


def _too_large(settings: Settings) -> Judge:
    """Declines: a judge holds the whole trace in memory."""
    identity = JudgeIdentity(kind="heuristic", name="none", version="1")
    reason = f"too_large: the trace is larger than MAX_JUDGED_BYTES ({settings.max_judged_bytes})"
    return DecliningJudge(identity, "skipped", reason)


def _llm_config(settings: Settings, model: str | None = None) -> LLMConfig | None:
    """How models are asked, those of the settings or others; ``None`` where no key is set.

    Raises:
        SettingsError: something of it cannot be used.
    """
    if settings.openai_api_key is None:
        return None
    return LLMConfig(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url or DEFAULT_BASE_URL,
        model=settings.judge_model if model is None else model,
        samples=settings.judge_samples,
        temperature=settings.judge_temperature,
        timeout_s=settings.judge_timeout_s,
        deadline_s=settings.judge_deadline_s,
        input_tokens=settings.judge_input_tokens,
        output_tokens=settings.judge_output_tokens,
        max_tokens=settings.judge_max_tokens,
    )


def asked_models(settings: Settings) -> str | None:
    """As judgements name them."""
    config = _llm_config(settings)
    return ", ".join(config.models) if config is not None else None


def describe_judge(settings: Settings) -> str:
    """The judge of the settings, in words."""
    if settings.judge == "off":
        return "switched off"
    if settings.judge == "heuristic" or settings.openai_api_key is None:
        return "rules over the events; no language model"
    models = asked_models(settings) or ""
    return f"language model{'s' * (',' in models)} {models}"
