"""What a server says of itself by grpc.reflection.v1alpha: its services, and the descriptors of what it speaks.

Debian has no package of reflection's messages, so the few that are needed are described here. Nothing is known in advance
about the services: all descriptors come from the server.
"""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_METHOD = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_STRING, _BYTES, _MESSAGE, _INT32 = 9, 12, 11, 5  # of FieldDescriptorProto.Type
_ONE, _MANY = 1, 3  # of FieldDescriptorProto.Label


def class_of(pool, descriptor):
    """The Python class of a message."""
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def _messages(fields_of):
    """The classes of messages given as {name: [(field, number, label, type, name of its message or None)]}."""
    file = descriptor_pb2.FileDescriptorProto(name="messages.proto", package="messages", syntax="proto2")
    for name, fields in fields_of.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind, of in fields:
            message.field.add(name=field, number=number, label=label, type=kind, type_name=of and f".messages.{of}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: class_of(pool, pool.FindMessageTypeByName(f"messages.{name}")) for name in fields_of}


_CLASSES = _messages({
    "Request": [("file_by_filename", 3, _ONE, _STRING, None), ("file_containing_symbol", 4, _ONE, _STRING, None),
                ("list_services", 7, _ONE, _STRING, None)],
    "Files": [("file_descriptor_proto", 1, _MANY, _BYTES, None)],
    "Service": [("name", 1, _ONE, _STRING, None)],
    "Services": [("service", 1, _MANY, _MESSAGE, "Service")],
    "Error": [("error_code", 1, _ONE, _INT32, None), ("error_message", 2, _ONE, _STRING, None)],
    "Response": [("file_descriptor_response", 4, _ONE, _MESSAGE, "Files"),
                 ("list_services_response", 6, _ONE, _MESSAGE, "Services"), ("error_response", 7, _ONE, _MESSAGE, "Error")],
    # The envelope of an error's details, google.rpc.Status, which a client knows without asking.
    "Any": [("type_url", 1, _ONE, _STRING, None), ("value", 2, _ONE, _BYTES, None)],
    "Status": [("details", 3, _MANY, _MESSAGE, "Any")],
})
_Request, _Response, Status = (_CLASSES[name] for name in ("Request", "Response", "Status"))


class NotFound(Exception):
    """The server knows no such thing."""


class Reflection:
    """timeout(): the seconds that are left, or None. metadata: goes with every request."""

    def __init__(self, channel, timeout, metadata=()):
        self._call = channel.stream_stream(_METHOD, _Request.SerializeToString, _Response.FromString)
        self._timeout, self._metadata = timeout, metadata
        self._files = set()
        self.pool = descriptor_pool.DescriptorPool()
        self.json_names = False  # whether the server's descriptors say how fields are called in JSON

    def services(self):
        return sorted(service.name for service in self._ask(list_services="*").list_services_response.service)

    def symbol(self, name):
        """The descriptor of a message, enum, service or method."""
        self._add(self._ask(file_containing_symbol=name).file_descriptor_response)
        for find in (self.pool.FindMessageTypeByName, self.pool.FindEnumTypeByName, self.pool.FindServiceByName,
                     self.pool.FindMethodByName):
            try:
                return find(name)
            except KeyError:
                pass
        raise NotFound(f"Symbol not found: {name}")

    def _ask(self, **question):
        for response in self._call(iter([_Request(**question)]), timeout=self._timeout(), metadata=self._metadata):
            if response.HasField("error_response"):
                raise NotFound(response.error_response.error_message)
            return response
        raise NotFound("reflection ended without an answer")

    def _add(self, response):
        """A file is added after those that it imports; what the answer does not hold is asked for."""
        waiting = {}
        for content in response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(content)
            waiting[file.name] = file

        def add(name):
            if name in self._files:
                return
            self._files.add(name)
            if name not in waiting:
                self._add(self._ask(file_by_filename=name).file_descriptor_response)
                return
            for dependency in waiting[name].dependency:
                add(dependency)
            self.json_names |= any(field.json_name for message in waiting[name].message_type for field in message.field)
            self.pool.Add(waiting[name])

        for name in waiting:
            add(name)
