"""Operation of a study: how it is kept running and current, as an operator writes it in the study file.

In scope: settings that no result depends on: when upstreams are looked at, which changes are held, how long records
are kept, who is notified. Out of scope: settings of the science (study.py), of sources (study_sources.py).
"""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from hnbc_assets.sources.settings import Section
from hnbc_assets.vocabulary import Executor

# What each field of a cron schedule may contain: minute, hour, day, month, weekday.
CRON = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 7, "sun mon tue wed thu fri sat"),
)


class Database(Section):
    """How many published databases are kept in addition to the current one."""

    keep: int = Field(5, ge=1)


class Execution(Section):
    """How a run's steps are executed, and how many files are downloaded at the same time."""

    executor: Executor = Executor.IN_PROCESS
    max_concurrent: int = Field(2, ge=1)
    download_workers: int = Field(8, ge=1, le=16)


class Refresh(Section):
    """When upstreams are looked at (cron, in UTC), and whether stale assets are then made automatically.

    A failed asset is tried again when its inputs change, and after `retry_hours` otherwise.
    """

    schedule: str = "0 6 * * *"
    automatic: bool = True
    tick_seconds: int = Field(30, ge=1)
    retry_hours: float = Field(20.0, ge=0)

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str) -> str:
        fields = schedule.split()
        if len(fields) != 5 or not all(map(_in_cron, fields, CRON)):
            raise ValueError(
                f"'{schedule}' is not a cron schedule of five fields. Write '0 6 * * *' for 06:00 UTC every day"
            )
        return schedule


class Gates(Section):
    """How much of a cohort a new release may lose before it is held for a person; shares of the previous release.

    `files_removed` of its data files, `patients_lost` of its patients, `survival_lost` of the patients who had a
    follow-up time, `events_lost` of the events of an endpoint. `living_unfollowed` is the share of a GDC cohort's
    living patients that may be without any follow-up time, in the first release too. With `gene_model` and `fields`,
    a release with another gene model, or without a known clinical field, is held too.
    """

    files_removed: float = Field(0.05, ge=0, le=1)
    patients_lost: float = Field(0.05, ge=0, le=1)
    survival_lost: float = Field(0.05, ge=0, le=1)
    events_lost: float = Field(0.05, ge=0, le=1)
    living_unfollowed: float = Field(0.2, ge=0, le=1)
    gene_model: bool = True
    fields: bool = True


class Releases(Section):
    """How many releases of each upstream object stay in the archive, and which are pinned.

    `pin` keeps an object at an archived release: {gdc/TCGA-BRCA: "45.0"}. Its upstream is then not contacted.
    """

    keep: int = Field(3, ge=2)
    pin: dict[str, str] = Field(default_factory=dict)

    def pinned(self, name: str) -> str | None:
        """The release that an object (`gdc/TCGA-BRCA`) is pinned to, by its own or its upstream's name, if any."""
        return self.pin.get(name) or self.pin.get(name.split("/")[0])


class Freshness(Section):
    """Days after which a stage's assets are overdue if they were not made again, even if upstream did not change.

    `default` is for every stage without days of its own. `looked` is for looks at the upstreams: `hnbc status` reports
    when the latest successful one is older.
    """

    looked: float = Field(2, gt=0)
    default: float = Field(365, gt=0)
    releases: float | None = Field(None, gt=0)
    cohorts: float | None = Field(None, gt=0)
    genes: float | None = Field(None, gt=0)
    signature: float | None = Field(None, gt=0)
    promotion: float | None = Field(None, gt=0)
    scores: float | None = Field(None, gt=0)
    changes: float | None = Field(None, gt=0)
    microenvironment: float | None = Field(None, gt=0)
    drugs: float | None = Field(None, gt=0)
    database: float | None = Field(None, gt=0)

    def days(self, stage: str) -> float:
        """The days of one stage: its own, otherwise the default."""
        own = getattr(self, stage, None)
        return float(self.default if own is None else own)


class Email(Section):
    """Where failure messages are sent by SMTP. The password is read from the environment variable `password_env`."""

    to: tuple[str, ...] = Field(min_length=1)
    sender: str
    host: str
    port: int = Field(587, ge=1, le=65535)
    starttls: bool = True
    user: str | None = None
    password_env: str | None = None

    @model_validator(mode="after")
    def _user_with_password(self) -> Email:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("alerts.email: give user and password_env together, or neither")
        if self.user is not None and not self.starttls:
            raise ValueError("alerts.email: a password is not sent without starttls")
        return self


class Alerts(Section):
    """Who is notified of a failure: a webhook (an address, or env:NAME of a variable that holds one) and e-mail."""

    webhook: str | None = None
    email: Email | None = None

    @field_validator("webhook")
    @classmethod
    def _is_address(cls, webhook: str | None) -> str | None:
        if webhook is not None and not webhook.startswith(("https://", "http://", "env:")):
            raise ValueError("alerts.webhook is an http(s) address, or env:NAME of a variable that holds one")
        return webhook


class Retention(Section):
    """How long Dagster's runs with their events, and replaced damaged files, are kept.

    Runs that made the current tables of the lake are kept.
    """

    runs_days: float = Field(90, gt=0)


def _in_cron(field: str, allowed: tuple[int, int, str]) -> bool:
    """Whether a field of a cron schedule names moments that exist."""
    low, high, names = allowed
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        ends = [low, high] if span == "*" else [_moment(end, names) for end in span.split("-")]
        if len(ends) > 2 or not all(low <= end <= high for end in ends) or ends != sorted(ends):
            return False
        if "/" in part and not (step.isascii() and step.isdigit() and 0 < int(step) <= high):
            return False
    return True


def _moment(word: str, names: str) -> int:
    """A number or name of a cron field; -1 for neither."""
    if word.isascii() and word.isdigit() and len(word) <= 2:
        return int(word)
    known = names.split()
    return known.index(word) + (1 if known[0] == "jan" else 0) if word in known else -1
