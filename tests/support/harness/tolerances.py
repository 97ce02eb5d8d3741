"""Every tolerance of the experiments, with its reason, in one place. Shares are of the prediction.

Starting points for a machine with two cores that has nothing else to do. A tighter one that holds is better;
a wider one needs its reason here. None of them comes from sampling: arrivals are
spread evenly, one in each interval of 1/λ, and what is shared out by chance elsewhere is 0 % or 100 % here.
"""

# E1. Held is λ·(D + what a call takes without D): 2 to 5 ms at D = 2 s, and the sampling of the ledger.
THREADS_HELD = 0.05
# E1. gRPC's own threads come and go by one or two (its timer and its poller); the servers' do not.
THREADS_IDLE = 2
# E1. The synchronous server keeps one or two threads that wait for the next call beside those that serve one.
THREADS_KERNEL = 0.05
THREADS_POLLERS = 2
# E2. The same overhead of a call against its D, here 1 s: at most 50 ms for both questions, commit and hand-over.
THROUGHPUT = 0.05
# E5. Held handlers at the far end: arrivals within a window, and deadlines that gRPC rounds up.
HANDLERS_HELD = 0.20
# E7. What a hop may cost beyond its measured work: the way to the peer, until the peer's clock reads. Seconds.
HOP = 0.002
# E8, E10. Latencies of calls that end when a delay, a deadline or a refusal says so. Seconds.
LATENCY = 0.010
# E10. A peer that is gone is said to be gone within so many seconds: no connect attempt is waited for.
FAIL_FAST = 0.005

# E28. The same overhead of a call against its D as in E2, and the ends of the burst: a pool full once more or less.
BURST = 0.10
# E12, E28. A backlog drains in rounds of deliveries: half a round more or less of five or six.
DRAINED = 0.20
# E21. As the design has it: the lag is that of the link and of two loops, and changes and orders are not in step.
STALE = 0.20

# A generator later than this, at the 99th percentile and as a share of the shortest time that an experiment
# is about, has not made the load that the prediction is for.
LATENESS = 0.10
# Somebody else's share of the machine's CPU from which on a missed prediction says nothing about Lockstep.
OTHERS = 0.25


def steps(left):
    """The step in which gRPC 1.51 writes a timeout of so many seconds, in seconds."""
    return 0.001 if left < 1 else 0.010 if left < 10 else 0.100 if left < 100 else 1.0
