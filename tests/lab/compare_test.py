"""lockstep compare: the table says what the settings predict, and nothing is left behind.

The bounds are those that hold on a busy machine too: how many threads can be held, how many orders a pool can take.
"""
import glob
import json
import os
import subprocess
import tempfile

from three_servers import BIN

RATE, SECONDS, THREADS, QUEUE, DELAY = 200, 2, 8, 8, 0.080
COPIES, ANSWER_FIRST = ("replica", "common-data"), ("deferred", "event-driven")


def compare(folder):
    done = subprocess.run(
        [BIN / "lockstep", "--json", "compare", "--rate", str(RATE), "--duration", f"{SECONDS}s", "--pool-threads", str(THREADS),
         "--pool-queue", str(QUEUE), "--slow", "consumer=80ms", "--stuck", "restaurant", "--down", "consumer"],
        capture_output=True, text=True, timeout=800, check=False, env=dict(os.environ, TMPDIR=folder))
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def main():
    with tempfile.TemporaryDirectory(prefix="lockstep-test-") as folder:
        result = compare(folder)
        assert not glob.glob(f"{folder}/*"), "the temporary folder is left behind"
    for sample in result["samples"]:
        figures = sample["figures"]
        later = figures.get("completion", {"rejected": {}, "pending": 0})
        assert ("completion" in figures) == (sample["style"] in ANSWER_FIRST) and later["pending"] == 0, sample
        fallen = sum(later["rejected"].values())
        assert figures["accepted"] - fallen == 1952 and sum(figures["refused"].values()) + fallen == 48, sample
        assert figures["amount"] == result["samples"][0]["figures"]["amount"], sample
    cells = {(cell["condition"], cell["style"]): cell for cell in result["cells"]}
    assert len(cells) == 28, list(cells)
    for (condition, style), cell in cells.items():
        figures, codes = cell["figures"], cell["figures"]["codes"]
        assert figures["orders"] == sum(codes.values()) == RATE * SECONDS, (condition, style, figures)
        if style == "non-blocking":
            assert cell["threads_held_most"] == 0 and cell["threads_most"] <= cell["threads_idle"] + 2, cell
        if style == "blocking":
            assert cell["threads_held_most"] <= THREADS and cell["threads_most"] <= cell["threads_idle"] + 2, cell
        if style in COPIES + ANSWER_FIRST:
            # Whoever is slow, stuck or gone: nobody is asked before the answer.
            assert figures["accepted"] >= 0.9 * RATE * SECONDS and cell["threads_held_most"] == 0, cell
            if style in ANSWER_FIRST:
                completion = figures["completion"]
                assert completion["validated"] == figures["accepted"] and completion["pending"] == 0, cell
                if condition in ("restaurant stuck", "consumer gone"):
                    assert cell["pending_at_end"] == figures["accepted"], cell
            continue
        if condition == "restaurant stuck":
            assert figures["accepted"] == 0 and set(codes) <= {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}, cell
        if condition == "consumer gone":
            assert set(codes) == {"UNAVAILABLE"}, cell
    slow = {style: cell for (condition, style), cell in cells.items() if condition.startswith("consumer slow")}
    most = THREADS / DELAY * (SECONDS + 0.5) + THREADS  # what a pool can have finished when the last caller gives up
    assert slow["blocking"]["threads_held_most"] == THREADS, slow["blocking"]
    assert slow["blocking"]["figures"]["accepted"] <= most, (slow["blocking"], most)
    assert slow["blocking"]["figures"]["accepted_median_ms"] > 1000 * DELAY, slow["blocking"]
    assert slow["non-blocking"]["figures"]["accepted"] > slow["blocking"]["figures"]["accepted"], slow
    assert cells["restaurant stuck", "blocking"]["threads_held_most"] == THREADS, cells
    assert cells["restaurant stuck", "thread-per-call"]["threads_held_most"] > 4 * THREADS, cells


if __name__ == "__main__":
    main()
