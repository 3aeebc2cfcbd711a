"""Rules for what a service issued: the shape alone, or the shape behind its name, gives it away."""

from __future__ import annotations

import re

from app.rules.redaction.keyblocks import find_private_key
from app.rules.redaction.literals import is_placeholder, looks_issued
from app.rules.redaction.rule import BOUNDARY, Rule, by_pattern

_END = r"(?![A-Za-z0-9_-])"
_DATADOG = r"(?:(?<=dd[_-]ap[ip][_-])|(?<=ddap[ip])|(?<=datadog[_-]ap[ip][_-])|(?<=datadogap[ip])|(?<=dd-application-))"
_TWILIO = r"(?:(?<=twilio[_-]auth[_-])|(?<=twilio[_-])|(?<=twilioauth)|(?<=twilio))"
_IS = r"""(?:\\{0,3}["'`]\]?)?[ \t]{0,16}(?:=>|:=|=|:)[ \t]{0,16}(?:\\{0,3}["'`])?"""
"""Between a name and its value."""
_AFTER_NAME = "\\\"'` \t=:"
"""With what ``_IS`` may begin."""


def _token(
    kind: str, summary: str, example: str, literals: tuple[str, ...], shape: str, *, lead: int = 0, after: str = ""
) -> Rule:
    """A token that its prefix gives away, in a run of token characters."""
    pattern = rf"{BOUNDARY}(?P<secret>{shape}){_END}"
    finder = by_pattern(kind, pattern, lead=lead, accept=_is_no_sample)
    return Rule(kind, summary, example, literals, finder, in_long_run=True, after=after)


def _is_no_sample(match: re.Match[str]) -> bool:
    secret = match["secret"]
    return not secret.endswith("EXAMPLE") and "xxxxxx" not in secret.lower() and len(set(secret[-16:])) > 2


def _is_no_placeholder(match: re.Match[str]) -> bool:
    return not is_placeholder(match["secret"])


def _is_issued(match: re.Match[str]) -> bool:
    return looks_issued(match["secret"])


TOKEN_RULES: tuple[Rule, ...] = (
    Rule(
        "private_key",
        "Private keys in PEM or PGP armour, GCP service accounts among them; the lines between BEGIN and END",
        "-----BEGIN … PRIVATE KEY-----",
        ("-----BEGIN ",),
        find_private_key,
    ),
    _token("aws_access_key_id", "AWS access key ids", "AKIA…", ("AKIA", "ASIA"), r"A[KS]IA[A-Z0-9]{16}"),
    Rule(
        "aws_secret_access_key",
        "AWS secret access keys behind their name",
        "aws_secret_access_key = …",
        ("secret",),
        by_pattern(
            "aws_secret_access_key",
            rf"secret[_ -]?(?:access[_ -]?)?key{_IS}(?P<secret>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])",
            flags=re.IGNORECASE,
            accept=_is_no_sample,
        ),
        folded=True,
        after="_ -ak",
    ),
    _token("gcp_api_key", "Google API keys", "AIza…", ("AIza",), r"AIza[A-Za-z0-9_-]{35}"),
    _token("google_oauth_secret", "Google OAuth client secrets", "GOCSPX-…", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{28}"),
    Rule(
        "azure_storage_key",
        "Azure storage and service bus keys in connection strings",
        "AccountKey=…",
        ("key",),
        by_pattern(
            "azure_storage_key",
            rf"(?:(?<=account)|(?<=sharedaccess))key{_IS}(?P<secret>[A-Za-z0-9+/]{{43,86}}={{1,2}})",
            flags=re.IGNORECASE,
        ),
        folded=True,
        before="ts",
        after=_AFTER_NAME,
    ),
    Rule(
        "azure_sas",
        "Signatures of Azure shared access URLs",
        "&sig=…",
        ("sig=",),
        by_pattern(
            "azure_sas",
            r"(?<=[?&;])sig=(?P<secret>[A-Za-z0-9%/+]{43,120}(?:%3D|%3d|=){0,2})(?![A-Za-z0-9%/+=])",
            accept=_is_issued,
        ),
    ),
    Rule(
        "azure_client_secret",
        "Microsoft Entra client secrets",
        "…8Q~…",
        ("8Q~",),
        by_pattern(
            "azure_client_secret",
            r"(?:(?<![A-Za-z0-9_~.-])|(?<=^[+-]))(?P<secret>[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])",
            lead=3,
        ),
    ),
    _token(
        "github_token",
        "GitHub tokens, classic and fine-grained",
        "ghp_… gho_… ghu_… ghs_… ghr_… github_pat_…",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})",
    ),
    _token(
        "gitlab_token",
        "GitLab tokens",
        "glpat-… gldt-… glrt-… glptt-… glcbt-…",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"),
        r"gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,64}",
    ),
    _token(
        "atlassian_token",
        "Bitbucket app passwords and access tokens, Atlassian API tokens",
        "ATBB… ATCTT3… ATATT3…",
        ("ATBB", "ATCTT3", "ATATT3"),
        r"(?:ATBB[A-Za-z0-9]{32}|AT(?:CT|AT)T3[A-Za-z0-9_-]{50,300}(?:=[A-F0-9]{8})?)",
    ),
    _token("npm_token", "npm access tokens", "npm_…", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    _token("pypi_token", "PyPI API tokens", "pypi-AgE…", ("pypi-AgE",), r"pypi-AgE[A-Za-z0-9_-]{50,1000}"),
    _token("crates_token", "crates.io API tokens", "cio…", ("cio",), r"cio[A-Za-z0-9]{32}"),
    _token("rubygems_token", "RubyGems API keys", "rubygems_…", ("rubygems_",), r"rubygems_[0-9a-f]{48}"),
    _token(
        "docker_token", "Docker Hub access tokens", "dckr_pat_… dckr_oat_…", ("dckr_",), r"dckr_[po]at_[A-Za-z0-9_-]{27,48}"
    ),
    _token(
        "slack_token", "Slack tokens", "xoxb-… xoxp-… xapp-…", ("xox", "xapp-"), r"(?:xox[abeoprsc]|xapp)-[0-9A-Za-z-]{16,250}"
    ),
    Rule(
        "slack_webhook",
        "The secret part of Slack webhook addresses",
        "https://hooks.slack.com/services/…",
        ("://hooks.slack",),
        by_pattern(
            "slack_webhook",
            r"://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<secret>[A-Z0-9]{8,12}/[A-Za-z0-9]{8,24}/[A-Za-z0-9/]{16,80})",
            accept=_is_no_placeholder,
        ),
    ),
    _token(
        "stripe_key",
        "Stripe secret and restricted keys, webhook secrets",
        "sk_live_… rk_live_… sk_test_… whsec_…",
        ("k_live_", "k_test_"),
        r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}",
        lead=1,
    ),
    Rule(
        "stripe_key",
        "",
        "",
        ("whsec_",),
        by_pattern("stripe_key", rf"{BOUNDARY}(?P<secret>whsec_[A-Za-z0-9+/]{{24,128}}={{0,2}})", accept=_is_no_sample),
    ),
    _token("anthropic_key", "Anthropic API keys", "sk-ant-…", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{32,200}"),
    _token(
        "openai_key",
        "OpenAI keys and keys of the same shape",
        "sk-… sk-proj-… sk-svcacct-…",
        ("sk-",),
        r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,250}|or-v1-[0-9a-f]{64}|(?=[a-zA-Z]{0,47}[0-9])[A-Za-z0-9]{32,64})",
    ),
    _token("huggingface_token", "Hugging Face tokens", "hf_…", ("hf_",), r"hf_[A-Za-z0-9]{34,40}"),
    Rule(
        "sendgrid_key",
        "SendGrid API keys",
        "SG.….…",
        ("SG.",),
        by_pattern("sendgrid_key", rf"{BOUNDARY}(?P<secret>SG\.[A-Za-z0-9_-]{{22}}\.[A-Za-z0-9_-]{{43}}){_END}"),
        in_long_run=True,
    ),
    _token(
        "twilio_key",
        "Twilio API keys, and auth tokens behind their name",
        "SK… TWILIO_AUTH_TOKEN=…",
        ("SK",),
        r"SK[0-9a-f]{32}",
        after="0123456789abcdef",
    ),
    Rule(
        "twilio_key",
        "",
        "",
        ("token", "secret"),
        by_pattern(
            "twilio_key",
            rf"{_TWILIO}(?:token|secret){_IS}(?P<secret>[0-9a-f]{{32}})(?![0-9A-Za-z])",
            flags=re.IGNORECASE,
            accept=_is_no_sample,
        ),
        folded=True,
        after=_AFTER_NAME,
    ),
    _token(
        "digitalocean_token",
        "DigitalOcean tokens",
        "dop_v1_… doo_v1_… dor_v1_…",
        ("dop_v1_", "doo_v1_", "dor_v1_"),
        r"do[por]_v1_[0-9a-f]{64}",
    ),
    Rule(
        "datadog_key",
        "Datadog API and application keys behind their name",
        "DD_API_KEY=…",
        ("key",),
        by_pattern(
            "datadog_key",
            rf"{_DATADOG}key{_IS}(?P<secret>[0-9a-f]{{40}}|[0-9a-f]{{32}})(?![0-9A-Za-z])",
            flags=re.IGNORECASE,
            accept=_is_no_sample,
        ),
        folded=True,
        before="_-ip",
        after=_AFTER_NAME,
    ),
    _token("vault_token", "HashiCorp Vault tokens", "hvs.… hvb.…", ("hvs.", "hvb."), r"hv[sb]\.[A-Za-z0-9_-]{24,300}"),
    _token("databricks_token", "Databricks access tokens", "dapi…", ("dapi",), r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _token(
        "shopify_token",
        "Shopify tokens",
        "shpat_… shpss_…",
        ("shpat_", "shpss_", "shpca_", "shppa_"),
        r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}",
    ),
    _token("grafana_token", "Grafana service account tokens", "glsa_…", ("glsa_",), r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
)
"""Specific kinds first. A kind may have several rules; the first of them describes it."""
