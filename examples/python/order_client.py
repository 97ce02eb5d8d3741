#!/usr/bin/python3
"""Orders from Lockstep: in each style, within a deadline that is too short, with errors decoded, and a request repeated.

Runs against the services that scripts/serve keeps up; examples/python/README.md shows what it prints.
"""
import argparse
import os
import subprocess
import sys
import time
import uuid

import grpc

# A program of your own would generate its stubs when it is built.
HERE = os.path.dirname(os.path.abspath(__file__))
STUBS = os.path.join(HERE, "..", "..", "build", "python")
subprocess.run([os.path.join(HERE, "generate")], check=True)
sys.path[:0] = [STUBS, HERE]

from error_details import ErrorDetails  # noqa: E402
from lockstep.call.v1 import call_pb2  # noqa: E402
from lockstep.control.v1 import control_pb2, control_pb2_grpc  # noqa: E402
from lockstep.order.v1 import order_pb2, order_pb2_grpc  # noqa: E402
from lockstep.restaurant.v1 import restaurant_pb2  # noqa: E402

DEADLINE = 5  # seconds; every call has one
RESTAURANT_METHOD = "lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails"


def margherita(**changes):
    """An order that every fresh set of sample data accepts; with a request id, so that it can be repeated."""
    request = dict(
        request_id=f"python-{uuid.uuid4()}", consumer_id="c0001", restaurant_id="forno-bianco",
        lines=[restaurant_pb2.OrderLine(menu_item_id="margherita", quantity=2)],
        delivery_address=restaurant_pb2.Address(street="129 Kelp Street", city="Harmouth", postal_code="HM1 6GZ"))
    return order_pb2.CreateOrderRequest(**request | changes)


def in_each_style(orders):
    for style in (call_pb2.STYLE_BLOCKING, call_pb2.STYLE_NON_BLOCKING):
        response = orders.CreateOrder(margherita(options=order_pb2.OrderOptions(style=style)), timeout=DEADLINE)
        order, receipt = response.order, response.receipt
        print(f"{call_pb2.Style.Name(order.style)}: {order_pb2.Order.State.Name(order.state)}, "
              f"{order.total.units}.{order.total.nanos // 10_000_000:02} {order.total.currency_code}; asked "
              + ", ".join(f"{call.peer} for {call.duration.ToMicroseconds() / 1000:.1f} ms" for call in receipt.calls))


def within_a_deadline(orders, restaurant_control):
    slow = control_pb2.Fault(method=RESTAURANT_METHOD)
    slow.fixed_delay.FromMilliseconds(2000)
    restaurant_control.SetFaults(control_pb2.SetFaultsRequest(faults=[slow]), timeout=DEADLINE)
    request = margherita()
    started = time.monotonic()
    try:
        orders.CreateOrder(request, timeout=0.2)
        print("restaurant slowed by 2 s, deadline 200 ms: accepted?")
    except grpc.RpcError as error:
        waited = time.monotonic() - started
        print(f"restaurant slowed by 2 s, deadline 200 ms: {error.code().name} after {waited * 1000:.0f} ms")
    finally:
        restaurant_control.ClearFaults(control_pb2.ClearFaultsRequest(), timeout=DEADLINE)
    # Whether the order stands is unknown now. The same request again settles it, and never makes a second order.
    response = orders.CreateOrder(request, timeout=DEADLINE)
    print(f"  the same request again: {order_pb2.Order.State.Name(response.order.state)}")


def with_an_error(orders, what, request):
    try:
        orders.CreateOrder(request, timeout=DEADLINE)
        print(f"{what}: accepted?")
    except grpc.RpcError as error:
        details = ErrorDetails(error)
        print(f"{what}: {error.code().name}, reason {details.reason} of {details.domain}")
        for field, description in details.fields:
            print(f"  {field} {description}")
        for _, subject, description in details.preconditions:
            print(f"  {subject}: {description}")
        if "order_id" in details.metadata:
            print(f"  kept as order {details.metadata['order_id']}")
        if details.receipt:
            print(f"  the receipt lists {len(details.receipt.calls)} calls")


def repeated(orders):
    request = margherita()
    first = orders.CreateOrder(request, timeout=DEADLINE)
    again = orders.CreateOrder(request, timeout=DEADLINE)
    same = "the same order" if again.order.order_id == first.order.order_id else "another order?"
    print(f"repeated: {same}, duplicate {first.receipt.duplicate} and then {again.receipt.duplicate}")
    request.lines[0].quantity = 3
    with_an_error(orders, "repeated with other lines", request)


def main():
    parser = argparse.ArgumentParser(description="Orders from Lockstep, in Python.")
    parser.add_argument("--order", default="127.0.0.1:50051", metavar="HOST:PORT", help="the order service")
    parser.add_argument("--restaurant-control", default="127.0.0.1:50063", metavar="HOST:PORT",
                        help="the control address of the restaurant service, which is slowed down")
    options = parser.parse_args()
    with grpc.insecure_channel(options.order) as order_channel, \
            grpc.insecure_channel(options.restaurant_control) as control_channel:
        orders = order_pb2_grpc.OrderServiceStub(order_channel)
        try:
            in_each_style(orders)
            within_a_deadline(orders, control_pb2_grpc.ControlServiceStub(control_channel))
            with_an_error(orders, "nothing ordered", margherita(lines=[]))
            far_away = restaurant_pb2.Address(street="1 High Street", city="Farville", postal_code="ZZ9 9ZZ")
            with_an_error(orders, "delivered far away", margherita(delivery_address=far_away))
            repeated(orders)
        except grpc.RpcError as error:
            print(f"order_client: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
