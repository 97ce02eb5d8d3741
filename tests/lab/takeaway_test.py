"""Real input: 10,127 orders of a takeaway, replayed once in each style, repeated, and broken off half-way.

Whatever is done to the tool or to the services meanwhile, in the end each order is there exactly once, VALIDATED, with the
portions and the amount that the till had. The data is no part of the project; without it this is skipped.
"""
import json
import os
import pathlib
import subprocess
import sys

from three_servers import ROOT, ThreeServers, wait_for

DATA = pathlib.Path(os.environ.get("LOCKSTEP_TAKEAWAY_DIR", ROOT / "../shared/data/takeaway"))
ORDERS, PORTIONS, AMOUNT = 10_127, 70_927, "339700.50"
ANSWER_FIRST = ("deferred", "event-driven")
ASK_NOBODY = ("replica", "common-data", *ANSWER_FIRST)  # nobody who is gone can hold these up
STYLES = ("blocking", "non-blocking", *ASK_NOBODY)


def load(servers):
    servers.run("load")
    for _ in range(2):  # the second changes nothing
        loaded = servers.ask("load", "--menu", DATA / "prices.csv", "--restaurant", "takeaway", "--name", "Takeaway")
        assert loaded["menu_items"] == 248 and loaded["changed"] == 0, loaded


def replay_arguments(style):
    return ["replay", DATA / "orders.csv", "--restaurant", "takeaway", "--style", style]


def expect_all(figures, before=0):
    assert figures["orders"] == figures["accepted"] == ORDERS, figures
    completion = figures.get("completion", {"validated": 0, "rejected": {}, "cancelled": 0, "pending": 0})
    assert completion["rejected"] == {} and completion["cancelled"] == completion["pending"] == 0, figures
    assert figures["portions"] == PORTIONS and figures["amount"] == {"GBP": AMOUNT}, figures
    assert not figures["refused"] and not figures["failed"] and not figures["unknown"], figures
    assert figures["accepted_before"] >= before, (figures, before)


def expect_stored(servers, *styles):
    """What the order service itself has: every order of these styles once, and nothing else."""
    totals = servers.ask("order", "list", "--totals")["totals"]
    expected = [{"state": "validated", "style": style, "orders": ORDERS, "portions": PORTIONS, "amount": AMOUNT + " GBP"}
                for style in sorted(styles)]
    assert sorted(totals, key=lambda total: total["style"]) == expected, totals


def half_way(servers, process):
    """Waits until a part of the orders, but not all, is answered."""
    def answered():
        assert process.poll() is None, "the replay ended before it could be disturbed"
        return int(servers.ask("ledger")["useful"].get("count", 0)) > ORDERS // 3
    wait_for(answered, 120, "a third of the orders")


def test_every_style_and_again():
    with ThreeServers() as servers:
        load(servers)
        for number, style in enumerate(STYLES):
            figures = servers.ask(*replay_arguments(style))
            expect_all(figures)
            assert ("completion" in figures) == (style in ANSWER_FIRST), figures
            expect_stored(servers, *STYLES[:number + 1])
            again = servers.ask(*replay_arguments(style))
            expect_all(again, before=ORDERS)
            expect_stored(servers, *STYLES[:number + 1])


def test_the_tool_is_killed(style):
    with ThreeServers() as servers:
        load(servers)
        process = subprocess.Popen(servers.command("--json", *replay_arguments(style)), stdout=subprocess.DEVNULL)
        half_way(servers, process)
        process.kill()
        process.wait()
        expect_all(servers.ask(*replay_arguments(style)), before=ORDERS // 3 - 200)
        expect_stored(servers, style)


def test_the_order_service_is_killed(style):
    with ThreeServers() as servers:
        load(servers)
        process = subprocess.Popen(servers.command("--json", *replay_arguments(style)), stdout=subprocess.PIPE, text=True)
        half_way(servers, process)
        servers.kill("order")
        servers.start("order")
        output, _ = process.communicate(timeout=300)
        figures = json.loads(output)
        expect_all(figures)
        assert process.returncode == 0 and figures["repeats"] > 0, figures
        expect_stored(servers, style)


def test_restaurant_is_killed(style):
    """Orders are taken while it is gone, and all are VALIDATED once it is back."""
    with ThreeServers() as servers:
        load(servers)
        process = subprocess.Popen(servers.command("--json", *replay_arguments(style)), stdout=subprocess.PIPE, text=True)
        half_way(servers, process)
        servers.kill("restaurant")
        count = lambda: int(servers.ask("ledger")["useful"]["count"])
        before = count()
        wait_for(lambda: count() > before + ORDERS // 20, 60, "orders that are taken without Restaurant")
        backlog = servers.ask("backlog", status=3)
        servers.start("restaurant")
        output, _ = process.communicate(timeout=300)
        figures = json.loads(output)
        expect_all(figures)
        assert process.returncode == 0, process.returncode
        if style in ANSWER_FIRST:
            assert int(backlog["order"]["orders_pending"]) > 0, backlog
        if style == "deferred":
            assert any(row["destination"] == "restaurant" and int(row.get("waiting", 0)) > 0
                       for row in backlog["order"]["destinations"]), backlog
        expect_stored(servers, style)
        assert servers.ask("backlog", "--until-empty", "--give-up-after", "30s")["waiting"] == 0
        assert int(servers.ask("ledger")["messages"].get("dead", 0)) == 0


def main():
    if not (DATA / "orders.csv").exists():
        print(f"SKIPPED: there is no {DATA / 'orders.csv'}; LOCKSTEP_TAKEAWAY_DIR names another folder")
        return
    tests = {"styles": [test_every_style_and_again],
             "tool": [lambda style=style: test_the_tool_is_killed(style) for style in STYLES],
             "service": [lambda style=style: test_the_order_service_is_killed(style) for style in STYLES],
             "restaurant": [lambda style=style: test_restaurant_is_killed(style) for style in ASK_NOBODY]}
    for name in sys.argv[1:] or tests:
        for test in tests[name]:
            test()


if __name__ == "__main__":
    main()
