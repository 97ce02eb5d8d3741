"""The committed sample data is byte for byte what samples/generate writes, and each order has the fate it was made for.

The fates are judged here anew, from the CSV files alone, so that figures.csv is not merely what the generator believes.
"""
import collections
import csv
import pathlib
import subprocess
import sys
import tempfile
from decimal import Decimal

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def judge(lines, consumer, restaurant, menu):
    """Every reason for which an order is refused."""
    reasons = set()
    total = sum(Decimal(menu[line["Item Name"]]["Product Price"]) * int(line["Quantity"]) for line in lines)
    if consumer["State"] != "active":
        reasons.add("CONSUMER_SUSPENDED")
    if total > Decimal(consumer["Order Limit"]):
        reasons.add("ORDER_LIMIT_EXCEEDED")
    if restaurant["Opening State"] != "open":
        reasons.add("RESTAURANT_CLOSED")
    if any(menu[line["Item Name"]]["Availability"] != "available" for line in lines):
        reasons.add("MENU_ITEM_SOLD_OUT")
    if total < Decimal(restaurant["Minimum Order"]):
        reasons.add("MINIMUM_ORDER_NOT_MET")
    if consumer["Postal Code"].split()[0] not in restaurant["Delivery Area"].split():
        reasons.add("OUTSIDE_DELIVERY_AREA")
    return reasons, total


def figures():
    consumers = {row["Consumer"]: row for row in read(SAMPLES / "consumers.csv")}
    restaurants = {row["Restaurant"]: row for row in read(SAMPLES / "restaurants.csv")}
    menus = {name: {row["Item Name"]: row for row in read(SAMPLES / "menus" / f"{name}.csv")} for name in restaurants}
    orders = collections.defaultdict(list)
    for row in read(SAMPLES / "orders.csv"):
        orders[row["Order Number"]].append(row)
    counts = collections.Counter({"restaurants": len(restaurants), "menu items": sum(map(len, menus.values())),
                                  "consumers": len(consumers), "orders": len(orders)})
    amount = Decimal(0)
    for number, lines in orders.items():
        name = lines[0]["Restaurant"]
        reasons, total = judge(lines, consumers[lines[0]["Consumer"]], restaurants[name], menus[name])
        assert len(reasons) <= 1, f"order {number} is refused for several reasons: {reasons}"
        for reason in reasons:
            counts[f"refused {reason}"] += 1
        if not reasons:
            counts["orders accepted"] += 1
            counts["portions accepted"] += sum(int(line["Quantity"]) for line in lines)
            amount += total
    result = {name: str(count) for name, count in counts.items()}
    result["amount accepted"] = str(amount)
    return result


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, SAMPLES / "generate", "--to", folder], check=True)
        for name in ("consumers.csv", "orders.csv", "figures.csv"):
            same = (pathlib.Path(folder) / name).read_bytes() == (SAMPLES / name).read_bytes()
            assert same, f"samples/{name} is not what samples/generate writes: run it and commit the result"
    said = {row["Figure"]: row["Value"] for row in read(SAMPLES / "figures.csv")}
    assert said == figures(), f"figures.csv says {said}, the files say {figures()}"


if __name__ == "__main__":
    main()
