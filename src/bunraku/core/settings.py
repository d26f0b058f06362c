"""Settings, read once: defaults, then ``bunraku.toml``, then ``BUNRAKU_*`` in the environment.

Nested settings are named with two underscores in the environment: ``BUNRAKU_RTC__PORT=40000``.
Every field carries its documentation; ``docs/settings.md`` is generated from it and a test
fails when the page is stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    HttpUrl,
    IPvAnyNetwork,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bunraku.core.section import Section as _Section
from bunraku.core.section import from_files
from bunraku.core.settings_compat import CompatSettings
from bunraku.core.settings_people import PeopleSettings
from bunraku.core.settings_rtc import RtcSettings
from bunraku.core.settings_speech import SpeechSettings

RELOADED = ("apps", "limits", "callbacks", "tls_cert", "tls_key")
"""Settings that change while the server runs; all others are read when it starts."""


class AppSettings(_Section):
    """One ``[[apps]]`` entry: a tenant. Apps from the file are read-only at run time."""

    app_id: Annotated[int, Field(ge=1, le=4294967295, description="The tenant's number.")]
    server_secret: Annotated[
        str,
        Field(min_length=32, max_length=32, repr=False, description="Signs calls and encrypts room tokens."),
    ]
    name: Annotated[str, Field(description="Shown in the console.")] = ""
    callback_url: Annotated[str | None, Field(description="Where status callbacks are posted.")] = None
    callback_secret: Annotated[
        str | None, Field(repr=False, description="Signs callbacks; the server secret when not given.")
    ] = None
    max_tasks: Annotated[int, Field(ge=1, description="Stream tasks alive at once.")] = 10
    enabled: Annotated[bool, Field(description="Off: every call answers 400000002.")] = True
    actions: Annotated[
        tuple[str, ...] | None, Field(description="Actions this app may call; all when not given.")
    ] = None

    @field_validator("server_secret")
    @classmethod
    def _ascii(cls, value: str) -> str:
        if not value.isascii():
            raise ValueError("must be 32 ASCII characters")
        return value


class LimitSettings(_Section):
    """``[limits]``."""

    calls_per_second: Annotated[
        int, Field(ge=0, description="Calls per (AppId, Action) in any second; 0 disables.")
    ] = 10
    address_calls_per_second: Annotated[
        int,
        Field(
            ge=0,
            description="Calls per client address in any second, before any signature work; 0 disables.",
        ),
    ] = 0
    trusted_proxies: Annotated[
        tuple[IPvAnyNetwork, ...],
        Field(description="Addresses or networks whose X-Forwarded-For is believed for that limit."),
    ] = ()
    connections: Annotated[
        int,
        Field(ge=8, description="HTTP and WebSocket connections open at once; fewer where files are few."),
    ] = 4000
    address_connections: Annotated[
        int, Field(ge=0, description="The same of one client address, at most half of all; 0 disables.")
    ] = 1000
    storage: Annotated[
        str,
        Field(
            pattern=r"^(memory://|(async\+)?redis(s|\+\w+)?://.+)$",
            description="Where limits are counted: memory:// or redis://host:port/db.",
        ),
    ] = "memory://"
    drive_queue: Annotated[int, Field(ge=1, description="Drives waiting per task.")] = 100
    tasks: Annotated[int, Field(ge=1, description="Stream tasks alive at once in the whole server.")] = 200
    strict_nonce: Annotated[bool, Field(description="Refuse a reused signature nonce.")] = False


class TaskSettings(_Section):
    """``[tasks]``: life of stream tasks (contract section 6)."""

    grace_wait: Annotated[
        float, Field(ge=0, description="Seconds a drive waits for a starting task; 0 disables.")
    ] = 5.0
    init_timeout: Annotated[float, Field(gt=0, description="Seconds a task may take to start.")] = 60.0
    stop_timeout: Annotated[float, Field(gt=0, description="Seconds a stopping task may take.")] = 10.0
    retention: Annotated[float, Field(ge=0, description="Seconds an ended task stays queryable.")] = 3600.0
    interrupt_drops_queue: Annotated[
        bool, Field(description="InterruptMode 1 empties the queue too (contract section 12, row 14).")
    ] = False


class RetentionSettings(_Section):
    """``[retention]``: how long the database keeps what is over (docs/privacy.md)."""

    tasks_days: Annotated[
        float | None,
        Field(
            ge=0,
            description="Days the record of an ended stream task is kept; 0 keeps it for ever. As long as "
            "it stays queryable (tasks.retention) when not given, and never shorter.",
        ),
    ] = None
    drives_days: Annotated[
        float | None,
        Field(
            ge=0,
            description="The same of its drives, counted from the task's end; they go with their task at "
            "the latest.",
        ),
    ] = None
    audit_days: Annotated[
        float,
        Field(
            ge=0, description="Days the audit log of the console is kept, one at least; 0 keeps it for ever."
        ),
    ] = 365.0


class ProvenanceSettings(_Section):
    """``[provenance]``: marking what is made as artificial (docs/privacy.md)."""

    label: Annotated[
        str,
        Field(
            max_length=40,
            pattern=r"^[^\x00-\x1f\x7f]*$",
            description='Drawn into every picture, at its top left, such as "AI-generated": streams, films, '
            "portraits, thumbnails. Nothing when empty.",
        ),
    ] = ""
    certificate: Annotated[
        Path | None,
        Field(
            description="PEM chain that films and recordings are signed with (C2PA; extra: c2pa), the "
            "signer's own certificate first; needs provenance.key."
        ),
    ] = None
    key: Annotated[Path | None, Field(description="PEM key of provenance.certificate.")] = None
    timestamps: Annotated[
        str | None,
        Field(
            pattern="^https?://",
            description="URL of a time-stamping authority (RFC 3161): signatures outlive the certificate.",
        ),
    ] = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        return self


class CallbackSettings(_Section):
    """``[callbacks]`` (contract section 8)."""

    timestamp_seconds: Annotated[bool, Field(description="Timestamp in seconds, not milliseconds.")] = False
    interrupted_as_5: Annotated[bool, Field(description="Send drive status 5 for interrupted drives.")] = (
        False
    )
    extended: Annotated[
        bool, Field(description="The end of a drive says PlayedMs and Interrupted (contract 13.1).")
    ] = False
    timeout: Annotated[float, Field(gt=0, description="Seconds per attempt.")] = 5.0


class FetchSettings(_Section):
    """``[fetch]``: URLs that callers hand us."""

    allow_private: Annotated[
        bool, Field(description="Permit private, loopback and link-local addresses.")
    ] = False
    connect_timeout: Annotated[
        float, Field(gt=0, description="Seconds to connect and to the first byte.")
    ] = 15.0
    max_bytes: Annotated[int, Field(gt=0, description="Largest file fetched.")] = 100 * 1024 * 1024
    max_seconds: Annotated[float, Field(gt=0, description="Longest audio played from a file.")] = 3600.0
    max_redirects: Annotated[int, Field(ge=0, description="Redirects followed.")] = 3


class OutputSettings(_Section):
    """``[outputs]``: streams that go elsewhere (contract section 13.2)."""

    folder: Annotated[
        Path | None, Field(description="Where recordings are written; data_dir/outputs when not given.")
    ] = None
    s3_url: Annotated[
        str | None,
        Field(
            pattern=r"^s3://[^/]+(/.*)?$",
            description="s3://bucket/prefix: whole files go there and leave the folder (bunraku[s3]).",
        ),
    ] = None
    s3_endpoint: Annotated[
        str | None, Field(description="Of S3-compatible storage that is not Amazon's.")
    ] = None
    s3_region: Annotated[str | None, Field(description="AWS_REGION when not given.")] = None
    s3_access_key: Annotated[
        str | None, Field(repr=False, description="AWS_ACCESS_KEY_ID when not given.")
    ] = None
    s3_secret_key: Annotated[
        str | None, Field(repr=False, description="AWS_SECRET_ACCESS_KEY when not given.")
    ] = None
    keep_seconds: Annotated[float, Field(ge=0, description="Age at which a file is deleted; 0 keeps it.")] = (
        0.0
    )
    keep_bytes: Annotated[
        int, Field(ge=0, description="What all files may take, the oldest go first; 0 for no limit.")
    ] = 0
    private_targets: Annotated[
        tuple[str, ...],
        Field(description="Host names, addresses and networks that may be pushed to though not public."),
    ] = ()
    timeout: Annotated[
        float, Field(gt=0, description="Seconds a target may take nothing before it is tried anew.")
    ] = 15.0
    patience: Annotated[
        float, Field(ge=0, description="Seconds without success after which an output has failed.")
    ] = 600.0
    link_seconds: Annotated[
        int, Field(ge=60, description="How long the address of a recording or playlist is good.")
    ] = 86400


class TracingSettings(_Section):
    """``[tracing]``: OpenTelemetry (extra ``otel``)."""

    endpoint: Annotated[
        HttpUrl | None,
        Field(description="Base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318; off without."),
    ] = None
    headers: Annotated[
        dict[str, str], Field(repr=False, description="Sent to the collector, such as authorization.")
    ] = Field(default_factory=dict)
    ratio: Annotated[
        float, Field(ge=0, le=1, description="Share of traces kept where the caller's traceparent says none.")
    ] = 1.0


class ConsoleSettings(_Section):
    """``[console]``."""

    enabled: Annotated[bool, Field(description="Serve the console at /.")] = True
    password: Annotated[
        str | None, Field(repr=False, description="Operator password; required off loopback.")
    ] = None
    hosts: Annotated[
        tuple[str, ...], Field(description="Host names the console answers to besides loopback names.")
    ] = ()


class Settings(BaseSettings):
    """The whole of ``bunraku.toml``."""

    model_config = SettingsConfigDict(
        env_prefix="BUNRAKU_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    host: Annotated[str, Field(description="Address the HTTP server listens on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port the HTTP server listens on.")] = 8080
    data_dir: Annotated[Path, Field(description="Database and secrets; created with mode 0700.")] = Path(
        "data"
    )
    cache_dir: Annotated[
        Path | None,
        Field(
            description="Decoded art, at most 2 GB, mapped by every server of the machine that names the "
            "same folder; data_dir/cache when not given."
        ),
    ] = None
    database_url: Annotated[
        str | None, Field(repr=False, description="SQLAlchemy URL; SQLite in data_dir when not given.")
    ] = None
    database_url_file: Annotated[
        Path | None, Field(description="The file that holds it, as for any secret.")
    ] = None
    public_url: Annotated[
        str | None,
        Field(description="Base URL callers reach this server by; the request's own Host when not given."),
    ] = None
    rpc_prefix: Annotated[
        str | None, Field(description="A second path that serves the RPC, such as /dh/.")
    ] = None
    tls_cert: Annotated[Path | None, Field(description="PEM certificate chain: serve HTTPS and wss.")] = None
    tls_key: Annotated[Path | None, Field(description="PEM key of tls_cert.")] = None
    log_format: Annotated[
        Literal["text", "json"], Field(description="Lines of the log: for people, or a JSON object each.")
    ] = "text"
    packs: Annotated[tuple[Path, ...], Field(description="Folders of further digital-human packs.")] = ()
    aliases: Annotated[
        dict[str, str], Field(description="Foreign DigitalHumanId or TimbreId to a local one.")
    ] = Field(default_factory=dict)
    apps: Annotated[tuple[AppSettings, ...], Field(description="Tenants.")] = ()
    rtc: RtcSettings = RtcSettings()
    limits: LimitSettings = LimitSettings()
    tasks: TaskSettings = TaskSettings()
    retention: RetentionSettings = RetentionSettings()
    provenance: ProvenanceSettings = ProvenanceSettings()
    callbacks: CallbackSettings = CallbackSettings()
    fetch: FetchSettings = FetchSettings()
    speech: SpeechSettings = SpeechSettings()
    outputs: OutputSettings = OutputSettings()
    people: PeopleSettings = PeopleSettings()
    console: ConsoleSettings = ConsoleSettings()
    tracing: TracingSettings = TracingSettings()
    compat: CompatSettings = CompatSettings()

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, given: Any) -> Any:
        return from_files(cls, given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings)


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read settings; ``overrides`` (the command line) win over the environment over the file.

    Raises ``pydantic.ValidationError`` naming each wrong setting, ``OSError`` when the file
    cannot be read.
    """
    if path is not None and not path.is_file():
        raise FileNotFoundError(path)

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = TomlConfigSettingsSource(settings_cls, toml_file=path)
            return (init_settings, env_settings, file)

    given = {k: v for k, v in overrides.items() if v is not None}
    return FromFile(**given)
