"""Descriptors as proto source, for `grpcurl describe`: fields by number, methods and nested types by name."""
from google.protobuf import descriptor

_TYPES = {getattr(descriptor.FieldDescriptor, name): name[len("TYPE_"):].lower()
          for name in dir(descriptor.FieldDescriptor) if name.startswith("TYPE_")}
_LABEL_REPEATED = descriptor.FieldDescriptor.LABEL_REPEATED


def describe(found):
    """What grpcurl prints of a service, message, enum or method."""
    kinds = [(descriptor.ServiceDescriptor, "a service", _service), (descriptor.Descriptor, "a message", _message),
             (descriptor.EnumDescriptor, "an enum", _enum), (descriptor.MethodDescriptor, "a method", _method)]
    for kind, name, lines in kinds:
        if isinstance(found, kind):
            return f"{found.full_name} is {name}:\n" + "\n".join(lines(found))
    raise TypeError(f"{found} is neither service, message, enum nor method")


def _indented(lines):
    return [f"  {line}" if line else line for line in lines]


def _method(method):
    streams = {True: "stream ", False: ""}
    return [f"rpc {method.name} ( {streams[bool(getattr(method, 'client_streaming', False))]}.{method.input_type.full_name} )"
            f" returns ( {streams[bool(getattr(method, 'server_streaming', False))]}.{method.output_type.full_name} );"]


def _service(service):
    methods = [_method(method) for method in sorted(service.methods, key=lambda each: each.name)]
    body = [line for method in methods for line in method + [""]][:-1]
    return [f"service {service.name} {{"] + _indented(body) + ["}"]


def _enum(enum):
    return [f"enum {enum.name} {{"] + _indented(f"{value.name} = {value.number};" for value in enum.values) + ["}"]


def _type(field):
    named = field.message_type or field.enum_type
    return f".{named.full_name}" if named else _TYPES[field.type]


def _is_map(field):
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _field(field):
    if _is_map(field):
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        return f"map<{_type(key)}, {_type(value)}> {field.name} = {field.number};"
    label = ""
    if field.label == _LABEL_REPEATED:
        label = "repeated "
    elif field.containing_oneof and field.containing_oneof.name.startswith("_"):
        label = "optional "  # proto3 keeps it as a oneof of one
    return f"{label}{_type(field)} {field.name} = {field.number};"


def _message(message):
    parts, oneofs = [], set()
    for field in sorted(message.fields, key=lambda each: each.number):
        oneof = field.containing_oneof
        if oneof and not oneof.name.startswith("_"):
            if oneof.name not in oneofs:
                oneofs.add(oneof.name)
                parts.append([f"oneof {oneof.name} {{"] + _indented(_field(each) for each in oneof.fields) + ["}"])
        else:
            parts.append([_field(field)])
    maps = {field.message_type.name for field in message.fields if _is_map(field)}
    parts += [_message(nested) for nested in message.nested_types if nested.name not in maps]
    parts += [_enum(enum) for enum in message.enum_types]
    body = [line for part in parts for line in part + [""]][:-1]
    return [f"message {message.name} {{"] + _indented(body) + ["}"]
