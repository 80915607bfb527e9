"""The SQL texts of traffic/sql, put together as traffic/README.md says."""

from pathlib import Path

SQL = Path(__file__).resolve().parent.parent / "sql"

#: The end of a window as the texts want it: a full hour, UTC.
UNTIL_FORMAT = "%Y-%m-%d %H:00:00"


def without_comments(text):
    """The text without its lines that begin with --. Parameters are named in them too, and must not be replaced there."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


def read(name):
    """The text of sql/NAME.sql, without comments."""
    return without_comments((SQL / f"{name}.sql").read_text(encoding="utf-8")).strip()


def with_parameters(text, **parameters):
    """The text with each :name replaced by its value. A parameter that the text does not have is an error."""
    for name, value in parameters.items():
        if f":{name}" not in text:
            raise ValueError(f"the statement has no parameter :{name}; parameters are those named in the head of its file")
        text = text.replace(f":{name}", str(value))
    return text


def cross_az(until, usd_per_gb="0.01"):
    """The query, for the three hours before `until` (a datetime at a full hour, UTC)."""
    return with_parameters(read("cross-az"), until=until.strftime(UNTIL_FORMAT), usd_per_gb=usd_per_gb)


def store(until, usd_per_gb="0.01"):
    """The statement that stores the query's rows in cross_az_traffic."""
    text = read("store").replace(":cross_az\n", read("cross-az") + "\n")
    return with_parameters(text, until=until.strftime(UNTIL_FORMAT), usd_per_gb=usd_per_gb)


def store_template(usd_per_gb="0.01"):
    """That statement as the state machine has it: {} for the window's end, filled in by States.Format."""
    text = read("store").replace(":cross_az\n", read("cross-az") + "\n")
    return with_parameters(text, until="{}", usd_per_gb=usd_per_gb)


#: How many pairs of an hour become metrics, and how old an hour may be, in days; cdk/lib/traffic/definitions.ts has the same.
PAIRS, DAYS = 10, 13


def metrics_template(pairs=PAIRS, days=DAYS):
    """The query for the metrics, as the state machine has it."""
    return with_parameters(read("metrics"), until="{}", pairs=pairs, days=days)
