"""The table of kinds: what is looked for, by which literal, and in which shape. Specific kinds stand before general ones.

A rule is tried only where one of its literals stands, so a text without literals costs a few searches for constant strings.
Every pattern is bounded, and begins at a literal or just before it, so the work grows with the length of the text and no faster.
No rule asks how random something looks: hashes, UUIDs and digests have no literal and are never touched.
"""

from __future__ import annotations

import re

from app.rules.redaction.assignments import PASSWORD_NAME, SECRET_NAME, assigned
from app.rules.redaction.emails import find_email
from app.rules.redaction.keyblocks import find_private_key
from app.rules.redaction.literals import is_placeholder, looks_issued
from app.rules.redaction.rule import BOUNDARY, Rule, by_pairs, by_pattern

_END = r"(?![A-Za-z0-9_-])"
_IS = r"""(?:\\{0,3}["'`]\]?)?[ \t]{0,16}(?:=>|:=|=|:)[ \t]{0,16}(?:\\{0,3}["'`])?"""
"""Between a name and its value."""
_COOKIE_ATTRIBUTES = ("path", "expires", "domain", "max-age", "samesite", "version", "priority")
_PAIR = r"(?P<name>[!#$%&'*+.^_`|~A-Za-z0-9-]{1,64})=\"?(?P<secret>[^\s;\"',\\\[\]]{6,4096})\"?(?:;[ \t]?|(?=[\s\"'\\]|$))"
_SHORT_PAIR = r"|(?P<short>[A-Za-z0-9_.-]{1,64}=[^\s;\"',\\\[\]]{0,5};[ \t]?)"


def _token(kind: str, summary: str, example: str, literals: tuple[str, ...], shape: str, *, lead: int = 0) -> Rule:
    """A token that its prefix gives away, in a run of token characters."""
    pattern = rf"{BOUNDARY}(?P<secret>{shape}){_END}"
    return Rule(kind, summary, example, literals, by_pattern(kind, pattern, lead=lead, accept=_is_no_sample), in_long_run=True)


def _is_no_sample(match: re.Match[str]) -> bool:
    secret = match["secret"]
    return not secret.endswith("EXAMPLE") and "xxxxxx" not in secret.lower() and len(set(secret[-16:])) > 2


def _is_no_placeholder(match: re.Match[str]) -> bool:
    return not is_placeholder(match["secret"])


def _is_issued(match: re.Match[str]) -> bool:
    return looks_issued(match["secret"])


def _is_header_value(match: re.Match[str]) -> bool:
    secret = match["secret"]
    return match["scheme"] is not None and not is_placeholder(secret) or looks_issued(secret)


def _is_url_password(match: re.Match[str]) -> bool:
    secret = match["secret"]
    if match["user"] is None:
        return looks_issued(secret)
    return secret[0] not in "$<{%*" and "${" not in secret and len(set(secret)) > 1


RULES: tuple[Rule, ...] = (
    Rule("private_key", "Private keys in PEM or PGP armour, GCP service accounts among them; the lines between BEGIN and END",
         "-----BEGIN … PRIVATE KEY-----", ("-----BEGIN ",), find_private_key),
    _token("aws_access_key_id", "AWS access key ids", "AKIA…", ("AKIA", "ASIA"), r"A[KS]IA[A-Z0-9]{16}"),
    Rule("aws_secret_access_key", "AWS secret access keys behind their name", "aws_secret_access_key = …", ("secret",),
         by_pattern("aws_secret_access_key", rf"secret[_ -]?(?:access[_ -]?)?key{_IS}(?P<secret>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])",
                    flags=re.IGNORECASE, accept=_is_no_sample), folded=True),
    _token("gcp_api_key", "Google API keys", "AIza…", ("AIza",), r"AIza[A-Za-z0-9_-]{35}"),
    _token("google_oauth_secret", "Google OAuth client secrets", "GOCSPX-…", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_-]{28}"),
    Rule("azure_storage_key", "Azure storage and service bus keys in connection strings", "AccountKey=…", ("accountkey", "sharedaccesskey"),
         by_pattern("azure_storage_key", rf"(?:AccountKey|SharedAccessKey){_IS}(?P<secret>[A-Za-z0-9+/]{{43,86}}={{1,2}})",
                    flags=re.IGNORECASE), folded=True),
    Rule("azure_sas", "Signatures of Azure shared access URLs", "&sig=…", ("sig=",),
         by_pattern("azure_sas", r"(?<=[?&;])sig=(?P<secret>[A-Za-z0-9%/+]{43,120}(?:%3D|%3d|=){0,2})(?![A-Za-z0-9%/+=])",
                    accept=_is_issued)),
    Rule("azure_client_secret", "Microsoft Entra client secrets", "…8Q~…", ("8Q~",),
         by_pattern("azure_client_secret", r"(?<![A-Za-z0-9_~.-])(?P<secret>[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])",
                    lead=3)),
    _token("github_token", "GitHub tokens, classic and fine-grained", "ghp_… gho_… ghu_… ghs_… ghr_… github_pat_…",
           ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})"),
    _token("gitlab_token", "GitLab tokens", "glpat-… gldt-… glrt-… glptt-… glcbt-…",
           ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"), r"gl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,64}"),
    _token("atlassian_token", "Bitbucket app passwords and access tokens, Atlassian API tokens", "ATBB… ATCTT3… ATATT3…",
           ("ATBB", "ATCTT3", "ATATT3"), r"(?:ATBB[A-Za-z0-9]{32}|AT(?:CT|AT)T3[A-Za-z0-9_-]{50,300}(?:=[A-F0-9]{8})?)"),
    _token("npm_token", "npm access tokens", "npm_…", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    _token("pypi_token", "PyPI API tokens", "pypi-AgE…", ("pypi-AgE",), r"pypi-AgE[A-Za-z0-9_-]{50,1000}"),
    _token("crates_token", "crates.io API tokens", "cio…", ("cio",), r"cio[A-Za-z0-9]{32}"),
    _token("rubygems_token", "RubyGems API keys", "rubygems_…", ("rubygems_",), r"rubygems_[0-9a-f]{48}"),
    _token("docker_token", "Docker Hub access tokens", "dckr_pat_… dckr_oat_…", ("dckr_",), r"dckr_[po]at_[A-Za-z0-9_-]{27,48}"),
    _token("slack_token", "Slack tokens", "xoxb-… xoxp-… xapp-…", ("xox", "xapp-"), r"(?:xox[abeoprsc]|xapp)-[0-9A-Za-z-]{16,250}"),
    Rule("slack_webhook", "The secret part of Slack webhook addresses", "https://hooks.slack.com/services/…", ("hooks.slack",),
         by_pattern("slack_webhook", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<secret>[A-Z0-9]{8,12}/[A-Za-z0-9]{8,24}/[A-Za-z0-9/]{16,80})",
                    accept=_is_no_placeholder)),
    _token("stripe_key", "Stripe secret and restricted keys, webhook secrets", "sk_live_… rk_live_… sk_test_… whsec_…",
           ("k_live_", "k_test_"), r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}", lead=1),
    _token("stripe_key", "", "", ("whsec_",), r"whsec_[A-Za-z0-9+/]{24,128}"),
    _token("anthropic_key", "Anthropic API keys", "sk-ant-…", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_-]{32,200}"),
    _token("openai_key", "OpenAI keys and keys of the same shape", "sk-… sk-proj-… sk-svcacct-…", ("sk-",),
           r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,250}|or-v1-[0-9a-f]{64}|(?=[a-zA-Z]{0,47}[0-9])[A-Za-z0-9]{32,64})"),
    _token("huggingface_token", "Hugging Face tokens", "hf_…", ("hf_",), r"hf_[A-Za-z0-9]{34,40}"),
    Rule("sendgrid_key", "SendGrid API keys", "SG.….…", ("SG.",),
         by_pattern("sendgrid_key", rf"{BOUNDARY}(?P<secret>SG\.[A-Za-z0-9_-]{{22}}\.[A-Za-z0-9_-]{{43}}){_END}")),
    _token("twilio_key", "Twilio API keys, and auth tokens behind their name", "SK… TWILIO_AUTH_TOKEN=…", ("SK",), r"SK[0-9a-f]{32}"),
    Rule("twilio_key", "", "", ("twilio",),
         by_pattern("twilio_key", rf"twilio[_ -]?(?:auth[_ -]?)?(?:token|secret){_IS}(?P<secret>[0-9a-f]{{32}})(?![0-9A-Za-z])",
                    flags=re.IGNORECASE, accept=_is_no_sample), folded=True),
    _token("digitalocean_token", "DigitalOcean tokens", "dop_v1_… doo_v1_… dor_v1_…", ("_v1_",), r"do[por]_v1_[0-9a-f]{64}", lead=3),
    Rule("datadog_key", "Datadog API and application keys behind their name", "DD_API_KEY=…", ("dd_ap", "dd-ap", "datadog"),
         by_pattern("datadog_key", rf"(?:dd|datadog)[_-]?(?:api|app|application)[_-]?key{_IS}(?P<secret>[0-9a-f]{{40}}|[0-9a-f]{{32}})(?![0-9A-Za-z])",
                    flags=re.IGNORECASE, accept=_is_no_sample), folded=True),
    _token("vault_token", "HashiCorp Vault tokens", "hvs.… hvb.…", ("hvs.", "hvb."), r"hv[sb]\.[A-Za-z0-9_-]{24,300}"),
    _token("databricks_token", "Databricks access tokens", "dapi…", ("dapi",), r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _token("shopify_token", "Shopify tokens", "shpat_… shpss_…", ("shpat_", "shpss_", "shpca_", "shppa_"), r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}"),
    _token("grafana_token", "Grafana service account tokens", "glsa_…", ("glsa_",), r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    Rule("jwt", "JSON web tokens", "eyJ….eyJ….…", ("eyJ",),
         by_pattern("jwt", rf"{BOUNDARY}(?P<secret>eyJ[A-Za-z0-9_-]{{10,4096}}\.eyJ[A-Za-z0-9_-]{{8,8192}}\.[A-Za-z0-9_-]{{16,2048}})"),
         in_long_run=False),
    Rule("url_password", "Passwords and tokens before the host of a URL; the rest of the URL stays", "postgres://user:…@host", ("://",),
         by_pattern("url_password",
                    r"://(?:(?P<user>[^\s:/?#@\[\]\"'`<>\\]{0,128}):)?(?P<secret>[^\s/?#@\[\]\"'`<>\\]{1,256})@(?=[A-Za-z0-9_$\[{(<%-])",
                    accept=_is_url_password)),
    Rule("auth_header", "Credentials in Authorization headers, and bearer tokens", "Authorization: Bearer …", ("authorization",),
         by_pattern("auth_header",
                    r"""authorization\\{0,3}["'`]?\]?(?:[ \t]{0,4}(?:=>|[:=,])[ \t]{0,4})[bfr]?\\{0,3}["'`]?"""
                    r"(?:(?P<scheme>bearer|basic|token|digest|apikey|negotiate|bot|ghp)[ \t]{1,4})?(?P<secret>[A-Za-z0-9._~+/=:-]{8,4096})",
                    flags=re.IGNORECASE, accept=_is_header_value), folded=True),
    Rule("auth_header", "", "", ("bearer ",),
         by_pattern("auth_header", r"bearer[ \t]{1,4}(?P<secret>[A-Za-z0-9._~+/=-]{16,4096})", flags=re.IGNORECASE, accept=_is_issued),
         folded=True),
    Rule("cookie", "Values in Cookie and Set-Cookie headers, and session ids", "Cookie: session=…", ("cookie",),
         by_pairs("cookie", r"""cookie\\{0,3}["'`]?[ \t]{0,4}(?::|=>)[ \t]{0,4}\\{0,3}["'`]?(?=[A-Za-z0-9_.-]{1,64}=)""",
                  _PAIR, attributes=_COOKIE_ATTRIBUTES), folded=True),
    Rule("cookie", "", "", ("sessionid", "session-id", "sessid"),
         by_pattern("cookie", r"(?:(?:session|sess)id=|(?<=x-)session-id:[ \t]?)(?P<secret>[A-Za-z0-9%._~+/-]{16,512})",
                    flags=re.IGNORECASE, accept=_is_issued), folded=True),
    Rule("password", "Literal passwords behind their name", "password = \"…\"  DB_PASS=…  --password …", ("pass", "pwd"),
         assigned("password", PASSWORD_NAME, password=True), folded=True),
    Rule("secret", "Literal secrets, tokens and API keys behind their name", "api_key: …  TOKEN=…  secret=\"…\"", ("secret", "token", "key"),
         assigned("secret", SECRET_NAME, password=False), folded=True),
    Rule("email", "E-mail addresses of people", "someone@host", ("@",), find_email),
    Rule("user_path", "User names in paths of home directories (off unless asked for)", "/home/…/", ("/home/", "/users/", "\\users\\"),
         by_pattern("user_path", r"(?:(?<![A-Za-z0-9_.-])/(?:home|Users)/|(?<=[A-Za-z]:)\\{1,4}Users\\{1,4}|(?<=[A-Za-z]:)/Users/|(?<=:\\)\\Users\\\\)"
                    r"(?P<secret>[A-Za-z0-9][A-Za-z0-9._-]{0,63})(?![A-Za-z0-9@$])", flags=re.IGNORECASE,
                    accept=lambda match: match["secret"].lower() not in ("shared", "public", "default", "linuxbrew", "runner")), folded=True),
)  # fmt: skip
"""All rules. A kind may have several; the first of them describes it."""

KINDS: tuple[str, ...] = tuple(dict.fromkeys(rule.kind for rule in RULES))
"""The names of all kinds, in order of the table."""

OPTIONAL_KINDS: frozenset[str] = frozenset({"user_path"})
"""Kinds that are found only where they are asked for."""

DEFAULT_RULES: tuple[Rule, ...] = tuple(rule for rule in RULES if rule.kind not in OPTIONAL_KINDS)
