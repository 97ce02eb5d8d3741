"""What both example clients print, line by line: the two say the same."""
import re

_ORDER_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_ASKED = r"asked consumer for [\d.]+ ms, restaurant for [\d.]+ ms"
_ASKED_AT_ONCE = r"asked (consumer|restaurant) for [\d.]+ ms, (consumer|restaurant) for [\d.]+ ms"
_LINES = [
    rf"STYLE_BLOCKING: STATE_VALIDATED, 19\.00 GBP; {_ASKED}",
    rf"STYLE_NON_BLOCKING: STATE_VALIDATED, 19\.00 GBP; {_ASKED_AT_ONCE}",
    r"restaurant slowed by 2 s, deadline 200 ms: DEADLINE_EXCEEDED after (?P<waited>\d+) ms",
    r"  the same request again: STATE_VALIDATED",
    r"nothing ordered: INVALID_ARGUMENT, reason INVALID_REQUEST of lockstep",
    r"  lines must be 1 to 100 lines, are 0",
    r"  the receipt lists 0 calls",
    r"delivered far away: FAILED_PRECONDITION, reason OUTSIDE_DELIVERY_AREA of lockstep",
    r"  restaurants/forno-bianco: .*does not deliver to ZZ9 9ZZ",
    rf"  kept as order {_ORDER_ID}",
    r"  the receipt lists 2 calls",
    r"repeated: the same order, duplicate (F|f)alse and then (T|t)rue",
    r"repeated with other lines: ALREADY_EXISTS, reason REQUEST_ID_REUSED of lockstep",
    rf"  kept as order {_ORDER_ID}",
    r"  the receipt lists 0 calls",
]
_WAITED_MOST = 1500  # ms, where the deadline is 200 and the answer would take 2000


def check(test, result):
    """result: a subprocess.CompletedProcess with text."""
    test.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
    lines = result.stdout.splitlines()
    for number, (line, pattern) in enumerate(zip(lines, _LINES), 1):
        match = re.fullmatch(pattern, line)
        test.assertTrue(match, f"line {number} is {line!r}, and should be as {pattern!r}")
        if "waited" in match.groupdict():
            test.assertTrue(200 <= int(match["waited"]) < _WAITED_MOST, line)
    test.assertEqual(len(lines), len(_LINES), result.stdout)
