"""How the service runs: frozen settings from command line flags, environment and a YAML file, in this order."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from rulecap.snapshot.findings import problems_of

PREFIX = "RULECAP_SERVE_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BELOW = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class BadSettings(Exception):
    """The settings cannot be used; the text says which and why."""


class ServiceSettings(BaseSettings):
    """Every setting has a default; `RULECAP_SERVE_PORT=8001` in the environment sets `port`."""

    model_config = SettingsConfigDict(
        title="settings file", frozen=True, extra="forbid", env_prefix=PREFIX, allow_inf_nan=False
    )

    host: Annotated[str, Field(min_length=1, description="Where to listen; without keys loopback only.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="0: one that is free.")] = 8000
    root_path: Annotated[
        str | None, Field(description="Below which path a proxy serves it, and takes it off; `/openapi.json` names it.")
    ] = None
    policy: Annotated[str, Field(min_length=1, description="Folder, overlay file or shipped name.")] = "default"
    log: Annotated[
        str | None,
        Field(
            description="The audit log's address; none: `RULECAP_LOG`, else `sqlite:///rulecap.sqlite3`;"
            " a demo has one of its own in their place, gone when it ends."
        ),
    ] = None
    keys: Annotated[Path | None, Field(description="The file of API keys.")] = None
    demo: Annotated[bool, Field(description="Serve the recorded demo account.")] = False
    exchange: Annotated[dict[str, Any] | None, Field(description="The venue and account to read.")] = None

    refresh_seconds: Annotated[Seconds, Field(description="How often account and watched markets are read.")] = 5.0
    watch_seconds: Annotated[Seconds, Field(description="How long a market that nobody asks for is read on.")] = 120.0
    oldest_seconds: Annotated[Seconds, Field(description="Age beyond which only reductions are answered.")] = 300.0
    record_seconds: Annotated[Seconds, Field(description="How often the account's state goes on record.")] = 30.0
    reload_seconds: Annotated[Seconds, Field(description="How often policy, keys and log are looked at.")] = 1.0
    stop_seconds: Annotated[int, Field(ge=0, le=3600, description="How long open requests may finish.")] = 10

    apart: Annotated[bool, Field(description="Decide and record in a process of its own, on another core.")] = True

    largest_body: Annotated[int, Field(ge=1024, le=64 * 2**20, description="Bytes of a request's body.")] = 2**20
    requests_per_second: Annotated[
        float | None, Field(gt=0, description="For one key; none: 100 where there are keys, else no limit.")
    ] = None
    burst: Annotated[int, Field(ge=1, description="How many requests may come at once.")] = 200

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from: what was given, the environment, the file."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)


def read_settings(file: Path | None = None, **given: Any) -> ServiceSettings:
    """Return the settings: what is given (and not None) first, then the environment, the YAML file, the defaults.

    Raises:
        BadSettings: with every problem, each at its name.
    """

    class FromFile(ServiceSettings):
        model_config = SettingsConfigDict(yaml_file=file)

    if file is not None and not file.is_file():
        raise BadSettings(f"there is no settings file {file}")
    try:
        settings = FromFile(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = (problem.render() for problem in problems_of(error, ServiceSettings))
        raise BadSettings("the settings cannot be used:\n" + "\n".join(lines)) from error
    except (OSError, ValueError) as error:  # a file that is not YAML, or a variable that is not JSON where it must be
        raise BadSettings(f"the settings cannot be read: {error}") from error
    check(settings)
    return settings


def check(settings: ServiceSettings) -> None:
    """Refuse what is only wrong together, or is best said in words of its own.

    Raises:
        BadSettings: listening beyond loopback without keys; demo account and exchange at once; a path that is none.
    """
    if settings.keys is None and settings.host not in LOOPBACK:
        raise BadSettings(
            f"without API keys the service listens on loopback only, not on {settings.host}: whoever reaches it could"
            " read the account. Make a key (`rulecap keys new FILE --id NAME --scope read`) and name the file"
            " with --keys"
        )
    if settings.demo and settings.exchange is not None:
        raise BadSettings("the demo account and an exchange cannot both be served: leave one out")
    if settings.root_path is not None and not BELOW.fullmatch(settings.root_path):
        raise BadSettings(
            f"root_path: {settings.root_path[:60]!r} is no path that a proxy serves below: write one such as /risk,"
            " without a / at its end; the proxy takes it off"
        )
