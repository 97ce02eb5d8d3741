#!/usr/bin/python3
"""Plants one breach of each rule in a copy of the tree, and looks whether scripts/check-layers names file, line and rule."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPENING = "// A planted file.\n"

# file, what it says, the beginning of the message (None: nothing may be said)
PLANTS = [
    ("src/common/base/planted.cc", OPENING + "#include <grpcpp/grpcpp.h>\n", "2: layer: base may not include grpc"),
    ("src/common/store/planted.cc", OPENING + "#include <grpc/grpc.h>\n", "2: layer: store may not include grpc"),
    ("src/common/rpc/planted.cc", OPENING + "#include <sqlite3.h>\n", "2: layer: rpc may not include sqlite"),
    ("src/common/rpc/planted.cc", OPENING + '#include "lockstep/order/v1/order.pb.h"\n', "2: layer: rpc may not include protos"),
    ("src/common/control/planted.cc", OPENING + '#include "order/domain/order.h"\n', "2: layer: control may not include order/domain"),
    ("src/consumer/domain/planted.cc", OPENING + "#include <chrono>\nauto now = std::chrono::steady_clock::now();\n", "3: text: `_clock::now(`"),
    ("src/order/domain/planted.cc", OPENING + "#include <mutex>\n", "2: text: `#include <mutex>`"),
    ("src/order/domain/planted.cc", OPENING + '#include "lockstep/order/v1/order.pb.h"\n', "2: layer: order/domain may not include protos"),
    ("src/order/place_order.cc", OPENING + "#include <grpcpp/grpcpp.h>\n", "2: layer: order/ports may not include grpc"),
    ("src/order/store/planted.cc", OPENING + "#include <grpcpp/grpcpp.h>\n", "2: layer: order/store may not include grpc"),
    ("src/order/service/planted.cc", OPENING + "#include <sqlite3.h>\n", "2: layer: order/service may not include sqlite"),
    ("src/consumer/main.cc", OPENING + '#include "order/domain/order.h"\n', "2: layer: consumer/main may not include order/domain"),
    ("src/lab/planted.cc", OPENING + '#include "order/domain/order.h"\n', "2: layer: lab may not include order/domain"),
    ("src/elsewhere/planted.cc", OPENING, "1: layer: is in no layer"),
    ("src/common/base/planted.cc", OPENING + '#include "common/base/nothing.h"\n', '2: include: "common/base/nothing.h"'),
    ("src/common/base/planted.cc", "int x;\n", "1: opening: "),
    ("src/common/base/planted.h", OPENING + "int x;\n", "1: pragma: "),
    ("src/common/rpc/planted.cc", OPENING + "void F() { std::this_thread::sleep_for(t); }\n", "2: sleep: "),
    ("tests/base/planted.cc", OPENING + "void F() {\n  usleep(1);\n}\n", "3: sleep: "),
    ("tests/base/planted.cc", OPENING + "// TO" "DO: later\n", "2: text: `TO" "DO`"),
    ("tests/base/planted.cc", OPENING + 'TEST_CASE(\n    "one"\n    "; two") {\n}\n', "2: test name: "),
    ("src/lab/planted.cc", OPENING + "co_await x;\n", "2: text: `co_await`"),
    ("src/lab/planted.cc", OPENING * 451, "451: length: the file has 451 lines"),
    ("src/lab/planted.cc", OPENING + "void F(int a) {\n" + "  a++;\n" * 71 + "}\n", "2: function: a body of 71 lines"),
    ("src/lab/planted.cc", OPENING + "class A {\n  void F(int a,\n         int b) {\n" + "    a++;\n" * 71 + "  }\n};\n",
     "4: function: a body of 71 lines"),
    ("src/lab/planted.cc", OPENING * 330 + "void F(int a) {\n" + "  a++;\n" * 67 + "}\n", None),
    ("src/common/store/planted.cc", OPENING + "#include <sqlite3.h>\n#include <vector>\n", None),
    ("src/lab/planted.cc", OPENING + '#include "lockstep/order/v1/order.grpc.pb.h"\n#include <csv.h>\n', None),
]


def check(root):
    run = subprocess.run([os.path.join(HERE, "scripts/check-layers"), "--root", root],
                         capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as copy:
        for top in ["src", "tests", "cmake", "scripts", "protos"]:
            shutil.copytree(os.path.join(HERE, top), os.path.join(copy, top),
                            ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        before = set(check(copy)[1].splitlines()[:-1])  # what another test reports
        for path, text, expected in PLANTS:
            file = os.path.join(copy, path)
            kept = open(file, encoding="utf-8").read() if os.path.exists(file) else None
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w", encoding="utf-8") as out:
                out.write(text)
            status, output = check(copy)
            new = [line for line in output.splitlines()[:-1] if line not in before and line.startswith(path)]
            right = not new if expected is None else (
                status == 1 and any(line.startswith(f"{path}:{expected}") for line in new))
            if not right:
                failures += 1
                print(f"FAILED: {path} with {text[-60:]!r}: expected {expected!r}, got status {status} and {new}")
            if kept is None:
                os.remove(file)
            else:
                with open(file, "w", encoding="utf-8") as out:
                    out.write(kept)
    print(f"{len(PLANTS) - failures} of {len(PLANTS)} plants were judged rightly")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
