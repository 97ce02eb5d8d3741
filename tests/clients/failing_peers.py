"""An order service whose peers answer everything with an error that is as large as errors get."""
import concurrent.futures
import tempfile

import grpc

from services import stubs
from lockstep_harness import Server

RECEIPT_CALLS = 15  # with their names, about 4 KiB


class _Fails(grpc.GenericRpcHandler):
    def service(self, call):
        def fail(_, context):
            receipt = stubs.call.Receipt(node="peer", method=call.method)
            for number in range(RECEIPT_CALLS):
                receipt.calls.add(peer=f"{number:0100}", method=call.method, attempt=1)
            status = stubs.status.Status(code=grpc.StatusCode.INTERNAL.value[0], message="ü" * 300)
            status.details.add().Pack(stubs.error_details.ErrorInfo(reason="BROKEN", domain="peer"))
            status.details.add().Pack(receipt)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.INTERNAL, status.message)
        return grpc.unary_unary_rpc_method_handler(fail)


class OrderWithFailingPeers:
    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="lockstep-failing-")
        self._peers = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        self._peers.add_generic_rpc_handlers((_Fails(),))
        address = f"127.0.0.1:{self._peers.add_insecure_port('127.0.0.1:0')}"
        self._peers.start()
        self.order = Server("order", self._folder.name, ["--consumer", address, "--restaurant", address])
        try:
            self.order.start()
        except BaseException:
            self.__exit__()
            raise
        return self.order

    def __exit__(self, *_):
        self.order.close()
        self.order.kill()
        self._peers.stop(None).wait()
        self._folder.cleanup()
