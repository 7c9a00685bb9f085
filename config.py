"""Settings: the only reader of the environment.

Below the real environment lie the defaults of `instance/env`, which `make run` writes so that commands in a
second terminal see the settings of the running demo. They count only when they belong to the APP_ENV that is
asked for: a demo's key never becomes a production's. Every value is checked here, once; a bad one is a
ConfigError that names the variable and the reason and never repeats a secret. APP_ENV is `production` unless
set, so safety needs no setting.
"""

from __future__ import annotations

import os
import pwd
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import SplitResult, unquote, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent
NAMES = (
    "APP_ENV",
    "INSTANCE_PATH",
    "DATABASE_URL",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "PUBLIC_URL",
    "PORT",
    "WEB_CONCURRENCY",
    "TRUSTED_PROXIES",
    "SMTP_URL",
    "SMTP_FINAL_WAIT",
    "MAIL_PER_MINUTE",
    "MAIL_FROM",
    "AMBIGUOUS_SEND",
    "SOLVER_SECONDS",
    "SECOND_FACTOR",
    "INBOX_URL",
    "DKIM_KEY_FILE",
    "DKIM_SELECTOR",
    "DKIM_DOMAIN",
    "CLOCK_FILE",
    "LOG_LEVEL",
)
DEMO_MAIL = {"SMTP_URL": "smtp://127.0.0.1:2525", "MAIL_FROM": "Seriate <clinic@seriate.invalid>"}
SHORTEST_KEY = 32  # bytes: the block of the HMAC-SHA-256 that signs sessions and links
FEWEST_DIFFERENT = 10  # characters: random hex or base64 of that length has more
PLACEHOLDERS = ("change", "secret", "example", "password", "default", "insecure")
PROPER_KEY = "python3 -c 'import secrets; print(secrets.token_hex(32))'"
PROPER_DKIM_KEY = "openssl genrsa -out dkim.pem 2048"
SHORTEST_RSA = 1024
DNS_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
ALIAS = "alias:"  # in place of a mailbox's address
MAIL_PORTS = {"smtp": 587, "smtps": 465, "imap": 143, "imaps": 993}

AppEnv = Literal["production", "demo", "test"]
AmbiguousSend = Literal["resend", "hold"]
SecondFactor = Literal["required", "optional"]


class ConfigError(Exception):
    """A setting that cannot be used: the variable and the reason."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} {reason}")


@dataclass(frozen=True)
class MailServer:
    """Where mail goes or comes from. Plain text only ever to the same machine."""

    host: str
    port: int
    security: Literal["plain", "starttls", "tls"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DkimKey:
    """What mail is signed with: the domain (d=), the selector (s=) and the private key."""

    domain: str
    selector: str
    pem: bytes = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Every setting, checked."""

    app_env: AppEnv
    instance_path: Path
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    public_url: str
    port: int
    web_concurrency: int
    trusted_proxies: int
    smtp: MailServer
    smtp_final_wait: int
    mail_per_minute: int
    mail_from: str
    ambiguous_send: AmbiguousSend
    solver_seconds: int
    second_factor: SecondFactor
    inbox: MailServer | None
    inbox_alias: bool  # an alias of the mail server hands each mail to `flask mail receive`
    dkim: DkimKey | None
    clock_file: Path | None
    log_level: str

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https:")

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The key that signs, then the former ones, which still verify."""
        return (self.secret_key, *self.secret_key_fallbacks)

    @property
    def answers_read(self) -> bool:
        """Whether what comes back by mail is read: bounces, calendar answers and replies."""
        return self.inbox is not None or self.inbox_alias

    @property
    def mail_digest(self) -> str:
        """A digest of what decides whether mail is delivered; a check of it holds while this stays the same."""
        inbox = (self.inbox.host, self.inbox.port, self.inbox.username) if self.inbox else self.inbox_alias
        signing = (self.dkim.domain, self.dkim.selector) if self.dkim else None
        decides = (self.mail_from, self.smtp.host, self.smtp.port, self.smtp.username, inbox, signing)
        return sha256(repr(decides).encode()).hexdigest()

    def flask_config(self) -> dict[str, Any]:
        """Return what Flask and its extensions read; the settings themselves are under SETTINGS."""
        return {
            "SETTINGS": self,
            "SECRET_KEY": self.secret_key,
            "SECRET_KEY_FALLBACKS": list(self.secret_key_fallbacks),
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            # a __Host- cookie needs Secure and the whole host, and no other host can set it
            "SESSION_COOKIE_NAME": "__Host-seriate" if self.https else "seriate",
            "SESSION_COOKIE_SECURE": self.https,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_PATH": "/",
            "PREFERRED_URL_SCHEME": "https" if self.https else "http",
        }


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the environment (of the process unless given). Raises ConfigError."""
    source = os.environ if environ is None else environ
    given = {name: value for name, value in source.items() if value != ""}
    instance = Path(given.get("INSTANCE_PATH", ROOT / "instance")).resolve()
    file = instance / "env"
    require_access("INSTANCE_PATH", instance, os.X_OK)
    require_access("INSTANCE_PATH", file, os.R_OK)
    defaults = parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else {}
    values = _with_defaults(given, defaults)
    app_env = _one_of(values, "APP_ENV", "production", "demo", "test")
    port = _whole(values, "PORT", 8000, 1, 65535)
    if app_env != "production":  # production says these itself
        values = {
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SECOND_FACTOR": "optional",
            **DEMO_MAIL,
            **values,
        }
    settings = Settings(
        app_env=cast(AppEnv, app_env),
        instance_path=instance,
        database_url=_database_url(values.get("DATABASE_URL", "sqlite:///seriate.db"), instance),
        secret_key=_key("SECRET_KEY", _required(values, "SECRET_KEY"), strict=app_env == "production"),
        secret_key_fallbacks=_fallbacks(values, strict=app_env == "production"),
        public_url=_public_url(_required(values, "PUBLIC_URL")),
        port=port,
        web_concurrency=_whole(values, "WEB_CONCURRENCY", 1, 1, 64),
        trusted_proxies=_whole(values, "TRUSTED_PROXIES", 0, 0, 10),
        smtp=_mail_server("SMTP_URL", _required(values, "SMTP_URL"), "smtp"),
        smtp_final_wait=_whole(values, "SMTP_FINAL_WAIT", 600, 1, 3600),
        mail_per_minute=_whole(values, "MAIL_PER_MINUTE", 600, 10, 100_000),
        mail_from=_sender(_required(values, "MAIL_FROM")),
        ambiguous_send=cast(AmbiguousSend, _one_of(values, "AMBIGUOUS_SEND", "resend", "hold")),
        solver_seconds=_whole(values, "SOLVER_SECONDS", 60, 1, 600),
        second_factor=cast(SecondFactor, _one_of(values, "SECOND_FACTOR", "required", "optional")),
        inbox=_inbox(values),
        inbox_alias=values.get("INBOX_URL") == ALIAS,
        dkim=_dkim(values, values["MAIL_FROM"]),
        clock_file=Path(values["CLOCK_FILE"]).resolve() if "CLOCK_FILE" in values else None,
        log_level=_one_of(values, "LOG_LEVEL", "info", "debug", "warning", "error", "critical").upper(),
    )
    _keep_safe(settings, values)
    return settings


def require_access(name: str, path: Path, mode: int) -> None:
    """Raise ConfigError, naming the owner and the command that helps, unless this user has that access to the path.

    A path that does not exist is fine: it is made later, by this user.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        return
    except PermissionError:
        require_access(name, path.parent, os.X_OK)
        raise ConfigError(name, f"cannot be reached: {path}") from None
    if os.access(path, mode):
        return
    user = _user_name(os.getuid())
    mine = state.st_uid == os.getuid()
    command = f"chmod u+rwX {path}" if mine else f"sudo chown -R {user}: {path}"
    kind = "folder" if path.is_dir() else "file"
    raise ConfigError(
        name,
        f"is a {kind} that user {user} cannot use: {path} belongs to {_user_name(state.st_uid)}"
        f" (mode {state.st_mode & 0o777:o}); run: {command}",
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def pin_zones(environ: Mapping[str, str] | None = None) -> None:
    """Take zones from the pinned package `tzdata` alone, not from what this machine has; PYTHONTZPATH says otherwise.

    Processes that disagreed on a zone's rules would disagree on when a visit begins.
    """
    source = os.environ if environ is None else environ
    if not source.get("PYTHONTZPATH"):
        zoneinfo.reset_tzpath(to=())


def _keep_safe(settings: Settings, values: Mapping[str, str]) -> None:
    """Refuse what is fine elsewhere and dangerous in this APP_ENV."""
    if settings.app_env != "production":
        if not _is_loopback(settings.smtp.host):
            raise ConfigError(
                "SMTP_URL", "must be on this machine: a demo or a test sends no email elsewhere"
            )
        return
    if settings.clock_file:
        raise ConfigError("CLOCK_FILE", "is only for tests and the demo")
    if values.get("FLASK_DEBUG", "0").lower() not in ("0", "false", "no"):
        raise ConfigError("FLASK_DEBUG", "must not be on in production: its error pages run code")
    if not settings.https and not _is_loopback(urlsplit(settings.public_url).hostname or ""):
        raise ConfigError("PUBLIC_URL", "must be https in production: links in emails contain keys")
    if settings.second_factor != "required":
        raise ConfigError("SECOND_FACTOR", "must be required in production: a password alone is not enough")
    if settings.smtp_final_wait < 600:
        raise ConfigError("SMTP_FINAL_WAIT", "must be at least 600 in production (RFC 5321, 4.5.3.2.6)")


def _with_defaults(given: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    belongs = given.get("APP_ENV", defaults.get("APP_ENV")) == defaults.get("APP_ENV")
    return {**defaults, **given} if belongs else dict(given)


def parse(text: str, source: str) -> dict[str, str]:
    """Read NAME=value lines; values are taken as they stand, without quotes or expansion."""
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        if not equals or not name.isidentifier():
            raise ConfigError(source, f"line {number} is not NAME=value")
        values[name] = value
    return values


def _required(values: Mapping[str, str], name: str, default: str | None = None) -> str:
    value = values.get(name, default)
    if value is None:
        raise ConfigError(name, "is missing")
    return value


def _one_of(values: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = values.get(name, default).lower()
    if value not in (default, *others):
        raise ConfigError(name, f"must be one of {', '.join((default, *others))}")
    return value


def _whole(values: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ConfigError(name, f"must be a whole number from {least} to {most}")
    return int(text)


def _key(name: str, value: str, *, strict: bool) -> str:
    if len(value.encode()) < SHORTEST_KEY:
        raise ConfigError(name, f"must be at least {SHORTEST_KEY} bytes long")
    weak = len(set(value)) < FEWEST_DIFFERENT or any(word in value.lower() for word in PLACEHOLDERS)
    if strict and weak:
        raise ConfigError(name, f"looks like a placeholder; make one with: {PROPER_KEY}")
    return value


def _fallbacks(values: Mapping[str, str], *, strict: bool) -> tuple[str, ...]:
    """Former keys, newest first, separated by commas: they still verify, and sign nothing new."""
    name = "SECRET_KEY_FALLBACKS"
    listed = (part.strip() for part in values.get(name, "").split(","))
    return tuple(_key(name, key, strict=strict) for key in listed if key)


def _database_url(text: str, instance: Path) -> str:
    """Return the address for SQLAlchemy; a relative SQLite path lies in the instance folder."""
    name = "DATABASE_URL"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(name, "is not a database address (postgresql://... or sqlite:///...)") from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(name, "must be a postgresql:// or sqlite:/// address")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError(name, "must name a file: several processes share the database")
    url = url.set(drivername="sqlite", database=str(instance / url.database))
    return url.render_as_string(hide_password=False)


def _public_url(text: str) -> str:
    name = "PUBLIC_URL"
    parts = _split(name, text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(name, "must be http(s)://host[:port]")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(name, "must be http(s)://host[:port] and nothing more")
    return f"{parts.scheme}://{parts.netloc}"


def _mail_server(name: str, text: str, protocol: Literal["smtp", "imap"]) -> MailServer:
    parts = _split(name, text)
    if parts.scheme not in (protocol, f"{protocol}s") or not parts.hostname:
        raise ConfigError(name, f"must be {protocol}://[user:password@]host[:port] or {protocol}s://...")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(name, "must end after the host and port")
    if parts.username and parts.password is None:
        raise ConfigError(name, "has a user without a password")
    return MailServer(
        host=parts.hostname,
        port=parts.port or MAIL_PORTS[parts.scheme],
        security=_security(parts),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _inbox(values: Mapping[str, str]) -> MailServer | None:
    url = values.get("INBOX_URL", ALIAS)
    return _mail_server("INBOX_URL", url, "imap") if url != ALIAS else None


def _security(parts: SplitResult) -> Literal["plain", "starttls", "tls"]:
    if parts.scheme.endswith("s"):
        return "tls"
    return "plain" if _is_loopback(parts.hostname or "") else "starttls"


def _split(name: str, text: str) -> SplitResult:
    """Split an address; its port is checked here, because urlsplit checks it only when asked."""
    try:
        parts = urlsplit(text)
        valid = parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in text):
        raise ConfigError(name, "is not a valid address")
    return parts


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or not text.isprintable():
        raise ConfigError("MAIL_FROM", "must be an address, such as Clinic <desk@clinic.example>")
    return text


def _dkim(values: Mapping[str, str], mail_from: str) -> DkimKey | None:
    """Return the key that signs mail; None where a relay does it."""
    sending = domain_of(mail_from)
    if "DKIM_KEY_FILE" not in values:
        for name in ("DKIM_SELECTOR", "DKIM_DOMAIN"):
            if name in values:
                raise ConfigError(name, "is given without DKIM_KEY_FILE")
        return None
    selector = _required(values, "DKIM_SELECTOR").lower()
    if not DNS_NAME.fullmatch(selector):
        raise ConfigError("DKIM_SELECTOR", "must be a name in the DNS, such as seriate2026")
    domain = values.get("DKIM_DOMAIN", sending).lower().rstrip(".")
    if not f".{sending}".endswith(f".{domain}"):
        raise ConfigError("DKIM_DOMAIN", f"must be {sending}, the domain of MAIL_FROM, or a domain above it")
    return DkimKey(domain, selector, _rsa_key("DKIM_KEY_FILE", Path(values["DKIM_KEY_FILE"])))


def domain_of(address: str) -> str:
    """Return the domain of an address, with or without a name before it."""
    return parseaddr(address)[1].rpartition("@")[2].lower()


def _rsa_key(name: str, path: Path) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  (slow, seldom used)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    require_access(name, path, os.R_OK)
    try:
        mode = path.stat().st_mode & 0o777
        pem = path.read_bytes()
    except OSError as trouble:
        raise ConfigError(name, f"cannot be read: {path} ({trouble.strerror})") from None
    if mode & 0o004:
        raise ConfigError(name, f"can be read by every user of the machine; run: chmod 600 {path}")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(
            name, f"must be an RSA key in PEM form without a passphrase; make one with: {PROPER_DKIM_KEY}"
        )
    if key.key_size < SHORTEST_RSA:
        raise ConfigError(
            name, f"must have at least {SHORTEST_RSA} bits (RFC 8301); make one with: {PROPER_DKIM_KEY}"
        )
    return pem


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
