"""The tool against running servers: load, replay of the samples, orders, settings, calls, faults, and its exit statuses."""
import csv
import json
import os
import re
import signal
import subprocess

from three_servers import BIN, ROOT, ThreeServers, free_port, interrupt, wait_for

with open(ROOT / "samples/figures.csv", newline="", encoding="utf-8") as file:
    FIGURES = {row["Figure"]: row["Value"] for row in csv.DictReader(file)}
ORDER = ["order", "create", "--consumer", "c0001", "--restaurant", "forno-bianco", "--item", "margherita=2"]


def usage_errors():
    for arguments, hint in [(["fly"], "subcommand"), ([], "subcommand"), (["load", "--no-such"], "--no-such"),
                            (["replay", "/nowhere.csv"], "/nowhere.csv"), (["replay", "--rate", "0"], "rate"),
                            (["replay", "--rate", "5", "--speed", "2"], "excludes"),
                            (["replay", "--style", "quick"], "blocking, non-blocking"),
                            ([*ORDER, "--timeout", "5"], "80ms"), (["compare", "--slow", "waiter=1s"], "waiter"),
                            (["settings", "order.pool_threads"], "pool_threads=32"),
                            (["stock", "set", "forno-bianco", "margherita"], "margherita=20"),
                            (["account", "open", "c0001", "much"], "much")]:
        done = subprocess.run([BIN / "lockstep", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2, (arguments, done.returncode, done.stderr)
        assert hint in done.stderr + done.stdout, (arguments, done.stderr, done.stdout)
    for arguments in (["--help"], ["--version"], ["replay", "--help"], ["order", "create", "--help"]):
        done = subprocess.run([BIN / "lockstep", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "lockstep" in done.stdout, (arguments, done)


def unreachable():
    done = subprocess.run([BIN / "lockstep", "--order-at", "127.0.0.1:1", "order", "get", "x"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "127.0.0.1:1" in done.stderr, done


def sample_figures(servers):
    loaded = servers.ask("load")
    assert loaded["restaurants"] == int(FIGURES["restaurants"]) and loaded["consumers"] == int(FIGURES["consumers"]), loaded
    again = servers.ask("load")
    assert again == loaded and again["changed"] == 0, again
    refused = {name.removeprefix("refused "): int(value) for name, value in FIGURES.items() if name.startswith("refused ")}
    for style, mode in (("blocking", ["--in-flight", 16]), ("non-blocking", ["--rate", 2000])):
        for before in (0, int(FIGURES["orders accepted"])):
            figures = servers.ask("replay", "--style", style, *mode)
            assert figures["accepted"] == int(FIGURES["orders accepted"]), figures
            assert figures["portions"] == int(FIGURES["portions accepted"]), figures
            assert figures["amount"] == {"GBP": FIGURES["amount accepted"]}, figures
            assert figures["refused"] == refused, figures
            assert figures["accepted_before"] == before, figures


def a_changed_menu(servers):
    """Loading a file that differs changes what differs; loading the old one changes it back."""
    menu = servers.folder / "menu.csv"
    menu.write_text("Item Name,Product Price\nNaan,2.50\nDal,5\n")
    arguments = ["load", "--menu", menu, "--restaurant", "small", "--name", "Small"]
    assert servers.ask(*arguments)["changed"] == 0
    menu.write_text("Item Name,Product Price\nNaan,3.50\nRaita,1\n")
    assert servers.ask(*arguments)["changed"] == 1
    order = ["order", "create", "--consumer", "c0001", "--restaurant", "small"]
    assert servers.ask(*order, "--item", "naan")["order"]["total"]["units"] == "3"
    error = servers.ask(*order, "--item", "dal", status=1)["error"]
    assert error["reason"] == "MENU_ITEM_UNKNOWN", error


def orders(servers):
    text = servers.run(*ORDER, "--style", "blocking,non-blocking", "--explain")
    assert text.count("ask consumer") == 2 and text.count("ask restaurant") == 2, text
    assert "blocking: validated, 19.00 GBP" in text and "budget" in text and "commit" in text, text
    created = servers.ask(*ORDER, "--request-id", "tool-test")
    again = servers.ask(*ORDER, "--request-id", "tool-test")
    assert again["order"]["order_id"] == created["order"]["order_id"] and again["receipt"]["duplicate"], again
    order_id = created["order"]["order_id"]
    assert servers.ask("order", "get", order_id)["state"] == "STATE_VALIDATED"
    assert "Margherita" in servers.run("order", "get", order_id)
    assert servers.ask("order", "cancel", order_id)["state"] == "STATE_CANCELLED"
    listed = servers.ask("order", "list", "--consumer", "c0001", "--state", "cancelled")["orders"]
    assert [order["order_id"] for order in listed] == [order_id], listed
    assert len(servers.ask("order", "list", "--limit", 7)["orders"]) == 7
    unknown = servers.ask("order", "get", "00000000-0000-7000-8000-000000000000", status=1)
    assert unknown["error"]["reason"] == "ORDER_UNKNOWN", unknown


def every_style(servers):
    styles = ["blocking", "non-blocking", "replica", "common-data", "deferred", "event-driven"]
    taken = servers.ask(*ORDER, "--style", ",".join(styles), "--timeout", "20s")["orders"]
    assert [one["order"]["state"] for one in taken] == ["STATE_VALIDATED"] * 4 + ["STATE_PENDING"] * 2, taken
    text = servers.run(*ORDER, "--style", ",".join(styles), "--explain", "--timeout", "20s")
    for owner in ("consumer", "restaurant"):
        assert text.count(f"copy of {owner}") == 2 and re.search(rf"copy of {owner} .*version \d+, [0-9.,]+ ms old", text), text
    waited = [*ORDER, "--style", "deferred,event-driven", "--wait-for-final", "--timeout", "20s"]
    taken = servers.ask(*waited)["orders"]
    assert [one["order"]["state"] for one in taken] == ["STATE_VALIDATED"] * 2, taken
    assert servers.run(*waited, "--explain").count("waits for the final state") == 2
    figures = servers.ask("replay", "--style", "deferred", "--run", "first")
    later = figures["completion"]
    assert later["validated"] == int(FIGURES["orders accepted"]) and later["pending"] == 0, figures
    assert figures["amount"] == {"GBP": FIGURES["amount accepted"]}, figures
    assert len(servers.run("backlog", "--once").splitlines()) > 1
    assert servers.ask("backlog", "--until-empty", "--give-up-after", "30s")["waiting"] == 0


def backlog_and_boxes(servers):
    """With Restaurant gone messages for it wait, and are seen; when it is back they drain."""
    servers.kill("restaurant")
    order_id = servers.ask(*ORDER, "--style", "deferred")["order"]["order_id"]
    backlog = servers.ask("backlog", status=3)
    waiting = {row["destination"]: int(row.get("waiting", 0)) for row in backlog["order"]["destinations"]}
    assert waiting["restaurant"] == 1 and int(backlog["order"]["orders_pending"]) == 1, backlog
    assert "error" in backlog["restaurant"], backlog
    outbox = servers.ask("messages", "list", "--server", "order", "--box", "outbox", "--destination", "restaurant")["order"]
    (message,) = outbox["messages"]
    assert int(outbox["total"]) == 1 and message["envelope"]["key"] == order_id, outbox
    message_id = message["envelope"]["message_id"]
    assert "ValidateOrderDetails" in servers.run("messages", "list", "--server", "order", "--box", "outbox")
    shown = servers.ask("messages", "show", message_id)
    assert shown["server"] == "order" and order_id in json.dumps(shown["content"]), shown
    assert '"margherita"' in servers.run("messages", "show", "--service", "order", message_id)
    for act in ("redrive", "drop"):  # it was not given up
        assert servers.ask("messages", act, "--server", "order", message_id, status=1)["error"]["reason"].startswith("MESSAGE_")
    servers.ask("backlog", "--server", "order", "--until-empty", "--give-up-after", "200ms", status=1)
    servers.start("restaurant")
    servers.run("backlog", "--until-empty", "--give-up-after", "30s")
    assert servers.ask("order", "get", order_id)["state"] == "STATE_VALIDATED"


def by_message(servers):
    """The outcome of an order that went as a message is taken by whoever knows the correlation id, also much later."""
    outcome = servers.ask(*ORDER, "--by-message", "--timeout", "20s")
    assert outcome["order"]["state"] == "STATE_VALIDATED" and outcome["correlation_id"], outcome
    refused = servers.ask(*ORDER[:-1], "no-such-item", "--by-message", "--timeout", "20s", status=1)
    assert refused["error"]["code"] == 9, refused
    again = [*ORDER, "--by-message", "--correlation-id", "again", "--timeout", "20s"]
    assert servers.ask(*again)["order"]["order_id"] == servers.ask(*again)["order"]["order_id"]

    mailbox = f"127.0.0.1:{free_port()}"
    take = ["order", "create", "--by-message", "--take-reply", "--mailbox", mailbox, "--timeout", "60s", "--correlation-id"]
    servers.kill("restaurant")
    for correlation_id in ("late-1", "late-2"):
        error = servers.ask(*ORDER, "--by-message", "--style", "deferred", "--correlation-id", correlation_id, "--mailbox", mailbox,
                            "--timeout", "300ms", status=3)["error"]
        assert error["reason"] == "NO_REPLY_YET" and f"--correlation-id {correlation_id}" in error["message"], error
    servers.start("restaurant")
    # Somebody else has that address now, and wants neither: after some tries both are given up.
    other = subprocess.Popen(servers.command(*take, "another"), stdout=subprocess.DEVNULL)
    dead = lambda: servers.ask("messages", "list", "--server", "order")["order"].get("messages", [])
    found = wait_for(lambda: len(dead()) == 2 and dead(), 60, "two messages that are given up")
    other.kill()
    other.wait()
    assert all("another" in message["error"] and message["destination"] == mailbox for message in found), found
    ids = {message["envelope"]["correlation_id"]: message["envelope"]["message_id"] for message in found}
    assert "given up" in servers.run("backlog", "--once")
    servers.run("messages", "redrive", ids["late-1"])
    servers.run("messages", "drop", "--server", "order", ids["late-2"])
    assert dead() == [] and servers.ask("messages", "redrive", "--all")["messages"] == []
    taken = servers.ask(*take, "late-1")
    assert taken["order"]["state"] == "STATE_VALIDATED" and taken["order"]["request_id"] == "late-1", taken
    servers.run("backlog", "--until-empty", "--give-up-after", "30s")


def control(servers):
    changed = servers.ask("settings", "order.pool_threads=7", "order.default_style=blocking")
    assert changed["order"]["pool_threads"] == 7 and changed["order"]["default_style"] == "STYLE_BLOCKING", changed
    assert servers.ask("settings")["order"]["pool_threads"] == 7
    assert "order.pool_threads" in servers.run("settings")
    refused = servers.ask("settings", "order.pool_threads=0", status=1)
    assert refused["error"]["reason"] == "INVALID_REQUEST", refused
    servers.run("faults", "consumer=60ms")
    drawn = servers.run(*ORDER, "--explain", "--style", "non-blocking")
    delay = re.search(r"a fault delayed it by ([0-9.]+) ms", drawn)
    # An alarm is set to the nearest millisecond: 60 ms may be half of one less.
    assert delay and 59 <= float(delay[1]) < 1000, drawn
    faults = servers.ask("faults")["consumer"]["faults"]
    assert len(faults) == 2 and int(faults[0]["fired"]) == 1, faults  # asked by a call; and by messages, which nobody did

    # A call in flight is seen with what is left of its budget, while it waits for the delay.
    servers.run("faults", "consumer=30s")
    process = subprocess.Popen(servers.command(*ORDER, "--timeout", "20s"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    create = "lockstep.order.v1.OrderService/CreateOrder"  # beside it the owners listen to Order's feed
    placing = lambda: [call for call in servers.ask("calls")["order"].get("calls", []) if call["method"] == create]
    calls = wait_for(placing, 10, "the call to be in flight")
    left = float(calls[0]["budget_left"].removesuffix("s"))
    assert 5 < left < 20, left
    assert "CreateOrder" in servers.run("calls")
    process.kill()
    process.wait()
    assert servers.ask("faults", "--clear")["consumer"] == {}


def stock_and_accounts(servers):
    stocked = servers.ask("stock", "set", "forno-bianco", "margherita=20", "tiramisu=unlimited")["items"]
    assert [item.get("stocked") for item in stocked] == ["20", None], stocked
    assert stocked[0]["left"] == "20", stocked
    shown = servers.ask("stock", "show")["items"]
    assert [item["menu_item_id"] for item in shown] == ["margherita"], shown
    assert "margherita" in servers.run("stock", "show", "forno-bianco")
    assert servers.ask("stock", "set", "forno-bianco", "waiter=1", status=1)["error"]["reason"] == "INVALID_REQUEST"
    servers.ask("stock", "set", "forno-bianco", "margherita=unlimited")
    assert servers.run("stock", "show") == "No item has a stock.\n"
    opened = servers.ask("account", "open", "c0001", "50")["accounts"][0]
    assert opened["available"]["units"] == "50", opened
    for _ in range(2):
        account = servers.ask("account", "deposit", "c0001", "100.50", "--deposit-id", "salary-1")["accounts"][0]
        assert account["balance"] == {"currency_code": "GBP", "units": "100", "nanos": 500000000}, account
    assert servers.ask("account", "show")["accounts"] == [account]
    assert "150.50 GBP" in servers.run("account", "show", "c0001")
    assert servers.ask("account", "show", "nobody", status=1)["error"]["reason"] == "ACCOUNT_UNKNOWN"
    settings = servers.ask("settings", "--server", "consumer", "consumer.fraud_check=beforehand")
    assert settings["consumer"]["fraud_check"] == "FRAUD_CHECK_BEFOREHAND", settings


def interruption(servers):
    """Ctrl-C prints the figures so far; the same command goes on from there."""
    arguments = ["--json", "replay", "--run", "broken-off", "--rate", 400]
    process = subprocess.Popen(servers.command(*arguments), stdout=subprocess.PIPE, text=True)
    count = lambda: sum(total["orders"] for total in servers.ask("order", "list", "--totals")["totals"])
    before = count()
    wait_for(lambda: count() > before + 100, 60, "a hundred orders")
    interrupt(process)
    output, _ = process.communicate(timeout=60)
    figures = json.loads(output)
    assert process.returncode == 130 and figures["unplaced"] > 0 and figures["accepted"] >= 100, (process.returncode, figures)
    rest = servers.ask(*arguments[1:-2])
    assert rest["accepted"] == int(FIGURES["orders accepted"]), rest
    assert rest["accepted_before"] == figures["accepted"], (rest, figures)


def children_of_a_killed_comparison():
    """Servers that a comparison started are gone when it is killed, whatever it was doing."""
    process = subprocess.Popen([BIN / "lockstep", "compare", "--json"], stdout=subprocess.DEVNULL)
    def children():
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8") as stat:
                    if entry.isdigit() and int(re.sub(r"\(.*\)", "", stat.read()).split()[2]) == process.pid:
                        found.append(int(entry))
            except (OSError, ValueError, IndexError):
                pass
        return found
    pids = wait_for(lambda: len(children()) == 3 and children(), 60, "three servers")
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids), 20, "the servers to be gone")


def main():
    usage_errors()
    unreachable()
    with ThreeServers() as servers:
        sample_figures(servers)
        a_changed_menu(servers)
        orders(servers)
        every_style(servers)
        backlog_and_boxes(servers)
        by_message(servers)
        control(servers)
        stock_and_accounts(servers)
        interruption(servers)
    children_of_a_killed_comparison()


if __name__ == "__main__":
    main()
