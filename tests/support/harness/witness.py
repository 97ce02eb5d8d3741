"""A Restaurant that is no Lockstep: it notes when it was asked and under which deadline, and accepts every order.

Written with gRPC's Python library, so that what it sees does not come from the code that it is a witness of.
"""

import time
from concurrent import futures

import grpc

from lockstep_harness import stubs

FOREVER = 1e8  # three years, in seconds


class RestaurantWitness(stubs.restaurant_grpc.RestaurantServiceServicer):
    def __init__(self):
        self.hold = 0.0  # seconds until it answers
        self.seen = {}  # order id → seconds left of the deadline at arrival; None: no deadline
        self.asked = {}  # order id → (began, ended), by the wall clock
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        stubs.restaurant_grpc.add_RestaurantServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(grace=None)

    def ValidateOrderDetails(self, request, context):  # pylint: disable=invalid-name
        began = time.time()
        left = context.time_remaining()  # of a call without a deadline: until the end of time
        self.seen[request.order_id] = left if left is not None and left < FOREVER else None
        time.sleep(self.hold)
        response = stubs.restaurant.ValidateOrderDetailsResponse()
        verdict = response.verdict
        verdict.order_id, verdict.restaurant_id = request.order_id, request.restaurant_id
        verdict.accepted = True
        verdict.node = "witness"
        verdict.judge_time.GetCurrentTime()
        for line in request.lines:
            priced = verdict.lines.add(menu_item_id=line.menu_item_id, display_name=line.menu_item_id,
                                       quantity=line.quantity)
            priced.unit_price.currency_code = priced.price.currency_code = "GBP"
            priced.unit_price.units, priced.price.units = 1, line.quantity
        verdict.total.currency_code = "GBP"
        verdict.total.units = sum(line.quantity for line in request.lines)
        self.asked[request.order_id] = (began, time.time())
        return response
