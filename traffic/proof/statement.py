"""The SQL texts of traffic/sql, assembled as traffic/README.md describes."""

import functools
import json
import re
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


def read(name, vpc_id=None, marks=()):
    """The text of sql/NAME.sql, without comments. `vpc_id`: the VPC that counts, of flow logs of several. `marks`: of other lines that are no comments then."""
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    for mark in marks if vpc_id is None else (*marks, "vpc"):
        text = re.sub(rf"^( *)--{mark} ", r"\1", text, flags=re.MULTILINE)
    return without_comments(text if vpc_id is None else text.replace(":vpc_id", vpc_id)).strip()


def with_parameters(text, **parameters):
    """The text with each :name replaced by its value. It is an error if the text does not have the parameter."""
    for name, value in parameters.items():
        if f":{name}" not in text:
            raise ValueError(f"the statement has no parameter :{name}; the head of its file names its parameters")
        text = text.replace(f":{name}", str(value))
    return text


@functools.cache
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


#: The named queries, each with the number of its last days.
NAMED = json.loads((SQL / "named-queries.json").read_text(encoding="utf-8"))

#: Those of the named queries that read the flow logs, not the table.
OF_FLOW_LOGS = ("ports", "not-measured", "flow-log-fields", "logged-twice")

#: That which has the text of cross-az.sql in it.
WITH_CROSS_AZ = "by-service-and-port"


#: In the place of a cluster's name: all of them, in a query; and that of an end of which no listing and no record tells it.
ALL_CLUSTERS, UNKNOWN_CLUSTER = "(all)", "(unknown)"


def named(name, begin=None, end=None, vpc_id=None, **parameters):
    """A query for people. `begin` and `end` are SQL; default: the last days, as many as the named query has.

    Parameters besides: `cluster`, `usd_per_gb`, `nat_usd_per_gb`, `internet_usd_per_gb`, `cost_and_usage`, `region`, `interval`, if the query has them.
    """
    text = read(name, vpc_id)
    if name == WITH_CROSS_AZ:
        text = text.replace(":cross_az\n", with_parameters(read("cross-az", vpc_id, ["port"]).replace("TIMESTAMP ':until'", "date_trunc('hour', :to)"), **kinds()) + "\n")
    now = "CAST(current_timestamp AS timestamp)"
    values = {
        "from": begin or f"{now} - INTERVAL '{NAMED[name]}' DAY", "to": end or now, "usd_per_gb": "0.01", "nat_usd_per_gb": "0.045", "internet_usd_per_gb": "NULL",
        "cost_and_usage": "billing.data", "region": "us-east-2", "cluster": ALL_CLUSTERS, "interval": INTERVAL, **parameters,
    }
    return with_parameters(text, **{key: value for key, value in values.items() if re.search(rf"(?<!:):{key}\b", text)})


def kinds():
    """The kinds of services with which crossing zones costs nothing, and those with which only the cluster's end pays, as lists of SQL."""
    pay = json.loads((SQL.parent / "prices.json").read_text(encoding="utf-8"))["servicesThatPay"]
    return {name: ", ".join(f"'{kind}'" for kind in pay[which]) for name, which in (("free_kinds", "nothing"), ("half_kinds", "clusterEndOnly"))}


#: The longest aggregation interval of the flow log, in seconds.
INTERVAL = 60


def cross_az(until, usd_per_gb="0.01", interval=INTERVAL, vpc_id=None):
    """The query, for the three hours before `until` (a datetime at a full hour, UTC)."""
    return with_parameters(read("cross-az", vpc_id), until=until.strftime(UNTIL_FORMAT), usd_per_gb=usd_per_gb, interval=interval, **kinds())


def _hours_before(until):
    """The three hours before `until`, as a list of SQL."""
    return ", ".join(f"TIMESTAMP '{(until - timedelta(hours=ago)).strftime(UNTIL_FORMAT)}'" for ago in (3, 2, 1))


def store(until, hours=None, usd_per_gb="0.01"):
    """The statement that stores the query's rows of these hours in cross_az_traffic. `hours`: a list of SQL; default: all three before `until`."""
    text = store_template(usd_per_gb, until=until.strftime(UNTIL_FORMAT), hours=_hours_before(until) if hours is None else hours)
    return text


def store_template(usd_per_gb="0.01", until="{}", hours="{}", vpc_id=None):
    """The same statement for the state machine: with {} for the window's end and for the hours, which States.Format fills in."""
    text = read("store").replace(":cross_az\n", read("cross-az", vpc_id) + "\n")
    return with_parameters(text, until=until, hours=hours, usd_per_gb=usd_per_gb, interval=INTERVAL, **kinds())


#: How many windows of three hours a run checks: the hourly one, and the one that settles three days.
HOURLY, SETTLING = 1, 24


#: The clusters that are listed.
CLUSTERS = ("prod",)


def _names(clusters):
    """Clusters as a list of SQL."""
    return ", ".join(f"'{name}'" for name in clusters)


def check_inputs(until, windows=HOURLY, now=None, clusters=CLUSTERS, vpc_id=None):
    """The query that tells which hours can be stored. `now`: a datetime instead of the present."""
    text = check_inputs_template(windows, until=until.strftime(UNTIL_FORMAT), clusters=clusters, vpc_id=vpc_id)
    return text if now is None else at(text, now)


def check_inputs_template(windows=HOURLY, until="{}", clusters=CLUSTERS, vpc_id=None):
    """The same query for the state machine."""
    return with_parameters(read("check-inputs", vpc_id), until=until, windows=windows, reach=3 * windows, clusters=_names(clusters))


def add_cluster():
    """The statement that adds the columns of the clusters to a table that was created before it had them."""
    return read("add-cluster")


def backfill_cluster(cluster, begin, end):
    """The statement that gives the rows of before their cluster. `begin` and `end`: SQL."""
    return with_parameters(read("backfill-cluster"), cluster=cluster, **{"from": begin, "to": end})


def store_inputs(inputs="{}"):
    """The statement that stores what hours are made from. `inputs`: a list of SQL."""
    return with_parameters(read("store-inputs"), inputs=inputs)


def at(text, now):
    """The text as it is run at a time: a datetime, UTC."""
    return text.replace("current_timestamp", f"TIMESTAMP '{now.strftime('%Y-%m-%d %H:%M:%S')}'")


#: How many pairs of an hour become metrics, and the greatest age of an hour, in days. cdk/lib/traffic/definitions.ts has the same values.
PAIRS, DAYS = 10, 13


def metrics_template(pairs=PAIRS, days=DAYS, until="{}", records="{}", age="{}", clusters=CLUSTERS):
    """The query for the metrics, for the state machine: with {} for the window's end and for what check-inputs.sql tells of it."""
    return with_parameters(read("metrics"), until=until, records=records, age=age, pairs=pairs, days=days, clusters=_names(clusters))
