"""What a Lockstep error carries beside its code: google.rpc.Status in the trailing metadata, decoded.

Needs the stubs that ./generate writes, on sys.path.
"""
from google.rpc import error_details_pb2, status_pb2
from lockstep.call.v1 import call_pb2

_KEY = "grpc-status-details-bin"


class ErrorDetails:
    """Each detail of one error; what the error does not carry is empty or None."""

    def __init__(self, error):
        """error: a grpc.RpcError that a call of a stub has raised."""
        self.reason = ""  # for programs: "REQUEST_ID_REUSED"
        self.domain = ""  # "lockstep", where the error is a Lockstep server's own
        self.metadata = {}  # {"order_id": "..."}
        self.fields = []  # (field, description) of each field that cannot be accepted
        self.preconditions = []  # (type, subject, description) of each reason of a refusal
        self.retry_after = None  # seconds
        self.receipt = None  # a lockstep.call.v1.Receipt: what the call cost

        for key, value in error.trailing_metadata() or ():
            if key == _KEY:
                for detail in status_pb2.Status.FromString(value).details:
                    self._take(detail)

    def _take(self, detail):
        info, bad, failure, retry, receipt = (
            error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.PreconditionFailure(),
            error_details_pb2.RetryInfo(), call_pb2.Receipt())
        if detail.Unpack(info):
            self.reason, self.domain, self.metadata = info.reason, info.domain, dict(info.metadata)
        elif detail.Unpack(bad):
            self.fields = [(violation.field, violation.description) for violation in bad.field_violations]
        elif detail.Unpack(failure):
            self.preconditions = [(each.type, each.subject, each.description) for each in failure.violations]
        elif detail.Unpack(retry):
            self.retry_after = retry.retry_delay.ToMilliseconds() / 1000
        elif detail.Unpack(receipt):
            self.receipt = receipt
