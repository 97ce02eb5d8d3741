#!/usr/bin/python3
"""A stand-in for grpcurl where it is not installed: the part of its command line that the documentation uses.

    grpcurl_stand_in.py -plaintext [-d JSON] [-H 'name: value'] [-max-time SECONDS] [-v] [-emit-defaults] ADDRESS VERB

VERB is `list [SERVICE]`, `describe [SYMBOL]` or `SERVICE/METHOD`. All it knows comes from the server, by reflection
v1alpha. It prints what grpcurl prints: fields by the names in the protos where the server's descriptors have no others (as
those of a C++ server); a detail of an error whose type the server does not tell stays as it is; and in -d a FieldMask is
an object with paths, not a string. Exit status: 0; 64 plus the code of an error; 1 no call was made; 2 wrong usage.

Not there: TLS, protos from files, requests that are streams, other flags. Fewer response headers are seen by gRPC's Python.
"""
import base64
import json
import sys
import time

import grpc
from google.protobuf import descriptor, json_format

from descriptor_text import describe
from server_reflection import NotFound, Reflection, Status, class_of

CONNECT_SECONDS = 10
SWITCHES = {"plaintext": False, "v": False, "emit-defaults": False}
VALUES = {"d": "", "max-time": "0"}
FIELD_MASK = "google.protobuf.FieldMask"


class Failure(Exception):
    """Ends the program with a line on stderr."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def usage(message):
    return Failure(2, f"{message}\nTry 'grpcurl -help' for more details.")


def parse(arguments):
    """Go's flags: one dash or two, a value after a blank or after =, and all of them before the address."""
    options, headers, rest = SWITCHES | VALUES, [], list(arguments)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if name in SWITCHES:
            options[name] = value != "false"
            continue
        if name not in VALUES and name != "H":
            raise usage(f"flag provided but not defined: -{name} (by this stand-in for grpcurl)")
        if not equals:
            if not rest:
                raise usage(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        if name == "H":
            key, _, text = value.partition(":")
            headers.append((key.strip().lower(), text.strip()))
        else:
            options[name] = value
    if len(rest) < 2:
        raise usage("Too few arguments.")
    if len(rest) > (3 if rest[1] in ("list", "describe") else 2):
        raise usage("Too many arguments.")
    if not options["plaintext"]:
        raise usage("This stand-in for grpcurl speaks -plaintext only.")
    return options, headers, rest


def fill(message, data):
    """JSON into a request, with each FieldMask as the message that it is."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type and field.message_type.full_name == FIELD_MASK and field.name in data:
            mask = data.pop(field.name)
            if not isinstance(mask, dict):
                raise json_format.ParseError(f"bad input: expecting start of JSON object: '{{'; instead got {mask}")
            paths = mask.get("paths", [])
            getattr(message, field.name).paths.extend([paths] if isinstance(paths, str) else paths)
    json_format.ParseDict(data, message)


class Caller:
    """One command: what it asks of the server, and prints."""

    def __init__(self, options, headers, address):
        self._options, self._headers, self._address = options, headers, address
        self._end = time.monotonic() + float(options["max-time"]) if float(options["max-time"]) else None
        self._channel = grpc.insecure_channel(address)
        try:
            grpc.channel_ready_future(self._channel).result(self._left(CONNECT_SECONDS))
        except grpc.FutureTimeoutError:
            raise Failure(1, f'Failed to dial target host "{address}": context deadline exceeded') from None
        self._reflection = Reflection(self._channel, self._left, headers)

    def _left(self, at_most=None):
        left = None if self._end is None else max(0, self._end - time.monotonic())
        return at_most if left is None else left if at_most is None else min(left, at_most)

    def run(self, verb, symbol=None):
        try:
            if verb == "list" and symbol is None:
                print("\n".join(self._reflection.services()))
            elif verb == "list":
                print("\n".join(sorted(method.full_name for method in self._service(symbol).methods)))
            elif verb == "describe":
                for name in [symbol] if symbol else self._reflection.services():
                    print(describe(self._reflection.symbol(name.lstrip("."))))
            else:
                return self._invoke(verb)
        except NotFound as error:
            what = {"list": "list methods for service", "describe": "resolve symbol"}[verb]
            raise Failure(1, f'Failed to {what} "{symbol}": {error}') from None
        except grpc.RpcError as error:
            raise Failure(1, f"Failed to {verb}: rpc error: code = {error.code().name} desc = {error.details()}") from None
        return 0

    def _service(self, name):
        found = self._reflection.symbol(name)
        if not isinstance(found, descriptor.ServiceDescriptor):
            raise NotFound(f"Service not found: {name}")
        return found

    def _method(self, symbol):
        service, slash, method = symbol.rpartition("/")
        if not slash:
            service, _, method = symbol.rpartition(".")
        try:
            found = self._service(service).methods_by_name.get(method)
        except NotFound:
            raise Failure(1, f'Error invoking method "{symbol}": target server does not expose service "{service}"') from None
        except grpc.RpcError as error:
            raise Failure(1, f'Error invoking method "{symbol}": failed to query for service descriptor "{service}": '
                             f"{error.details()}") from None
        if found is None:
            raise Failure(1, f'Error invoking method "{symbol}": service "{service}" does not include a method named "{method}"')
        return found

    def _invoke(self, symbol):
        method = self._method(symbol)
        request = class_of(self._reflection.pool, method.input_type)()
        try:
            fill(request, json.loads(self._options["d"] or "{}"))
        except (json_format.ParseError, ValueError, TypeError) as error:
            raise Failure(1, f'Error invoking method "{symbol}": error getting request data: {error}') from None
        self._said("Resolved method descriptor", describe(method).partition("\n")[2])
        self._said("Request metadata to send", metadata_text(self._headers))
        service = method.containing_service.full_name
        # A stream of answers with one in it is a single answer, as far as a client can see.
        call = self._channel.unary_stream(
            f"/{service}/{method.name}", type(request).SerializeToString,
            class_of(self._reflection.pool, method.output_type).FromString)(
                request, timeout=self._left(), metadata=self._headers)
        try:
            self._said("Response headers received", metadata_text(call.initial_metadata()))
            for response in call:
                self._said("Response contents", end="")
                print(self._json(self._fields(response)))
        except grpc.RpcError:
            pass  # it is the call's code
        self._said("Response trailers received", metadata_text(call.trailing_metadata()))
        if call.code() != grpc.StatusCode.OK:
            self._print_error(call)
        return 64 + call.code().value[0] if call.code() != grpc.StatusCode.OK else 0

    def _said(self, what, text="", end="\n"):
        if self._options["v"]:
            print(f"\n{what}:\n{text}", end=end)

    def _fields(self, message):
        return json_format.MessageToDict(
            message, including_default_value_fields=self._options["emit-defaults"], descriptor_pool=self._reflection.pool,
            preserving_proto_field_name=not self._reflection.json_names)

    @staticmethod
    def _json(value):
        return json.dumps(value, indent=2, ensure_ascii=False)

    def _print_error(self, call):
        code = call.code().name.title().replace("_", "").replace("Ok", "OK")
        print(f"ERROR:\n  Code: {code}\n  Message: {call.details()}", file=sys.stderr)
        details = [detail for key, value in call.trailing_metadata() or () if key == "grpc-status-details-bin"
                   for detail in Status.FromString(value).details]
        for number, detail in enumerate(details, 1):
            if number == 1:
                print("  Details:", file=sys.stderr)
            text = self._json(self._detail(detail)).replace("\n", "\n" + " " * len(f"  {number})") + "\t")
            print(f"  {number})\t{text}", file=sys.stderr)

    def _detail(self, detail):
        name = detail.type_url.rpartition("/")[2]
        try:
            message = class_of(self._reflection.pool, self._reflection.symbol(name)).FromString(detail.value)
        except (NotFound, grpc.RpcError):
            return {"@type": detail.type_url, "@error": f"{name} is not recognized; see @value for raw binary message data",
                    "@value": base64.b64encode(detail.value).decode()}
        return {"@type": detail.type_url, **self._fields(message)}


def metadata_text(metadata):
    return "\n".join(f"{key}: {base64.b64encode(value).decode() if isinstance(value, bytes) else value}"
                     for key, value in sorted(metadata or ())) or "(empty)"


def main():
    try:
        options, headers, (address, *verb) = parse(sys.argv[1:])
        return Caller(options, headers, address).run(*verb)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.status


if __name__ == "__main__":
    sys.exit(main())
