"""An export of AWS Data Exports, table COST_AND_USAGE_REPORT (CUR 2.0), of a generated world.

The columns are a part of those of the export, with its names and types (AWS Data Exports User Guide, "Cost and Usage Report (CUR) 2.0": Line
item, Bill, Product and Pricing columns). Data transfer has a line at each end, in GB (the same guide, "Understanding data transfer charges").
"""

from datetime import datetime, timedelta, timezone

COLUMNS = {
    "bill_payer_account_id": "VARCHAR",
    "bill_billing_period_start_date": "TIMESTAMP",
    "line_item_line_item_type": "VARCHAR",
    "line_item_usage_account_id": "VARCHAR",
    "line_item_usage_start_date": "TIMESTAMP",
    "line_item_usage_end_date": "TIMESTAMP",
    "line_item_product_code": "VARCHAR",
    "line_item_usage_type": "VARCHAR",
    "line_item_operation": "VARCHAR",
    "line_item_resource_id": "VARCHAR",
    "line_item_usage_amount": "DOUBLE",
    "line_item_unblended_rate": "VARCHAR",
    "line_item_unblended_cost": "DOUBLE",
    "line_item_currency_code": "VARCHAR",
    "pricing_unit": "VARCHAR",
    "product_region_code": "VARCHAR",
    "product_servicecode": "VARCHAR",
}

ACCOUNT = "123456789012"


def line(hour, resource, operation, size, **other):
    """A line of an hour: `size` bytes across zones at a resource."""
    start = datetime.fromtimestamp(hour, timezone.utc).replace(tzinfo=None)
    values = {
        "bill_payer_account_id": ACCOUNT,
        "bill_billing_period_start_date": start.replace(day=1, hour=0),
        "line_item_line_item_type": "Usage",
        "line_item_usage_account_id": ACCOUNT,
        "line_item_usage_start_date": start,
        "line_item_usage_end_date": start + timedelta(hours=1),
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "USE2-DataTransfer-Regional-Bytes",
        "line_item_operation": operation,
        "line_item_resource_id": resource,
        "line_item_usage_amount": size / 2**30,
        "line_item_unblended_rate": "0.01",
        "line_item_unblended_cost": size / 2**30 * 0.01,
        "line_item_currency_code": "USD",
        "pricing_unit": "GB",
        "product_region_code": "us-east-2",
        "product_servicecode": "AWSDataTransfer",
    }
    return {**values, **other}


def lines_of(traffic):
    """What AWS bills for crossing zones of a world's traffic."""
    return [line(*key, size) for key, size in sorted(traffic.billed.items())]


def create(connection, lines, name="cost_and_usage"):
    """Creates the table of the export."""
    connection.execute(f"CREATE OR REPLACE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in COLUMNS.items())})")
    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(COLUMNS))})", [[row[column] for column in COLUMNS] for row in lines])
