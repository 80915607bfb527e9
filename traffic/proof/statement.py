"""The SQL texts of traffic/sql, assembled as traffic/README.md describes."""

from datetime import timedelta
from pathlib import Path

import sqlglot
from sqlglot import exp

SQL = Path(__file__).resolve().parent.parent / "sql"

#: The format of the end of a window in the texts: a full hour, UTC.
UNTIL_FORMAT = "%Y-%m-%d %H:00:00"


def without_comments(text):
    """The text without the lines that begin with --. They also name parameters, which must not be replaced there."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


def read(name):
    """The text of sql/NAME.sql, without comments."""
    return without_comments((SQL / f"{name}.sql").read_text(encoding="utf-8")).strip()


def with_parameters(text, **parameters):
    """The text with each :name replaced by its value. It is an error if the text does not have the parameter."""
    for name, value in parameters.items():
        if f":{name}" not in text:
            raise ValueError(f"the statement has no parameter :{name}; the head of its file names its parameters")
        text = text.replace(f":{name}", str(value))
    return text


def as_trino_means(text, dialect="trino"):
    """A statement of Athena or Trino for DuckDB, with Trino's meaning where the two engines differ.

    Trino's documentation, "Aggregate functions": max_by and min_by do not ignore null. "Comparison functions": greatest and least return
    null if an argument is null. DuckDB ignores null in all of them; arg_max_null and arg_min_null do not.
    """

    def trino(node):
        if isinstance(node, (exp.ArgMax, exp.ArgMin)):
            name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
            return exp.Anonymous(this=name, expressions=[node.this, node.expression])
        if isinstance(node, (exp.Greatest, exp.Least)):
            values = [node.this, *node.expressions]
            anyone = exp.or_(*(exp.Is(this=value.copy(), expression=exp.Null()) for value in values))
            return exp.Case(ifs=[exp.If(this=anyone, true=exp.Null())], default=type(node)(this=values[0], expressions=values[1:], ignore_nulls=True))
        return node

    return sqlglot.parse_one(text, read=dialect).transform(trino).sql(dialect="duckdb")


def cross_az(until, usd_per_gb="0.01"):
    """The query, for the three hours before `until` (a datetime at a full hour, UTC)."""
    return with_parameters(read("cross-az"), until=until.strftime(UNTIL_FORMAT), usd_per_gb=usd_per_gb)


def _hours_before(until):
    """The three hours before `until`, as a list of SQL."""
    return ", ".join(f"TIMESTAMP '{(until - timedelta(hours=ago)).strftime(UNTIL_FORMAT)}'" for ago in (3, 2, 1))


def store(until, hours=None, usd_per_gb="0.01"):
    """The statement that stores the query's rows of these hours in cross_az_traffic. `hours`: a list of SQL; default: all three before `until`."""
    text = store_template(usd_per_gb, until=until.strftime(UNTIL_FORMAT), hours=_hours_before(until) if hours is None else hours)
    return text


def store_template(usd_per_gb="0.01", until="{}", hours="{}"):
    """The same statement for the state machine: with {} for the window's end and for the hours, which States.Format fills in."""
    text = read("store").replace(":cross_az\n", read("cross-az") + "\n")
    return with_parameters(text, until=until, hours=hours, usd_per_gb=usd_per_gb)


#: How many windows of three hours a run checks: the hourly one, and the one that settles two days.
HOURLY, SETTLING = 1, 16


def check_inputs(until, windows=HOURLY, now=None):
    """The query that tells which hours can be stored. `now`: a datetime instead of the present."""
    text = check_inputs_template(windows, until=until.strftime(UNTIL_FORMAT))
    return text if now is None else at(text, now)


def check_inputs_template(windows=HOURLY, until="{}"):
    """The same query for the state machine."""
    return with_parameters(read("check-inputs"), until=until, windows=windows, reach=3 * windows)


def store_inputs(inputs="{}"):
    """The statement that stores what hours are made from. `inputs`: a list of SQL."""
    return with_parameters(read("store-inputs"), inputs=inputs)


def at(text, now):
    """The text as it is run at a time: a datetime, UTC."""
    return text.replace("current_timestamp", f"TIMESTAMP '{now.strftime('%Y-%m-%d %H:%M:%S')}'")


#: How many pairs of an hour become metrics, and the greatest age of an hour, in days. cdk/lib/traffic/definitions.ts has the same values.
PAIRS, DAYS = 10, 13


def metrics_template(pairs=PAIRS, days=DAYS, until="{}", records="{}", age="{}"):
    """The query for the metrics, for the state machine: with {} for the window's end and for what check-inputs.sql tells of it."""
    return with_parameters(read("metrics"), until=until, records=records, age=age, pairs=pairs, days=days)
