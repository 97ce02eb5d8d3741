"""Starts that cannot succeed: one clear line that says what is wrong, an exit status that is not 0, nothing changed."""

import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

from lockstep_harness import Lockstep, Server

PROGRAMS = ("order", "consumer", "restaurant")
NOBODY = 65534


class Starting(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="lockstep-")))

    def start(self, name, *flags, before=(), status=1, says=()):
        """Runs a server that is expected to end by itself; its one line names the program and all of says."""
        ports = ["--listen", "--control"] + (["--sync-listen"] if name == "order" else [])
        defaults = {flag: "127.0.0.1:0" for flag in ports} | {"--db": str(self.folder / f"{name}-new.db")}
        given = dict(zip(flags[::2], flags[1::2]))
        command = [*before, Server.program(name)]
        for flag, value in (defaults | given).items():
            command += [flag] if value is None else [flag, value]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                               check=False)
        self.assertEqual(ended.returncode, status, ended.stderr)
        said = [line for line in ended.stderr.splitlines() if line.startswith(f"lockstep-{name}: ")]
        self.assertEqual(len(said), 1, f"one line: {ended.stderr!r}")
        for word in says:
            self.assertIn(str(word), said[0])
        self.assertEqual(ended.stdout, "")
        return said[0]

    def test_unknown_flag(self):
        for name in PROGRAMS:
            self.start(name, "--sped", "9", status=2, says=("--sped", "--help"))

    def test_bad_values(self):
        for flag, value in (("--listen", "nowhere"), ("--listen", "127.0.0.1:99999"), ("--control", "127.0.0.1"),
                            ("--loops", "0"), ("--shutdown-grace", "soon"), ("--log-format", "xml"),
                            ("--calls-in-flight-max", "-1"), ("--peer", "order"), ("--peer", "order=127.0.0.1:0")):
            with self.subTest(flag=flag, value=value):
                self.start("consumer", flag, value, status=2, says=(flag, "--help"))
        self.assertFalse((self.folder / "consumer-new.db").exists())

    def test_help_and_version(self):
        for name in PROGRAMS:
            for flag, word in (("--help", "--ready-file"), ("--version", f"lockstep-{name} ")):
                said = subprocess.run([Server.program(name), flag], capture_output=True, text=True, timeout=30,
                                      check=True)
                self.assertIn(word, said.stdout)
                self.assertEqual(said.stderr, "")

    def test_taken_port(self):
        with Lockstep() as lockstep:
            taken = lockstep.order.addresses["business"]
            for name, flag in (("consumer", "--listen"), ("consumer", "--control"), ("order", "--listen"),
                               ("order", "--sync-listen"), ("order", "--control")):
                with self.subTest(name=name, flag=flag):
                    self.start(name, flag, taken, says=(taken,))

    def test_an_address_that_is_not_ours(self):
        self.start("consumer", "--listen", "192.0.2.1:0", says=("192.0.2.1",))

    def test_not_a_database(self):
        file = self.folder / "letter.db"
        file.write_text("Dear Ann, this is a letter, and quite a long one at that. " * 100)
        before = file.read_bytes()
        for name in PROGRAMS:
            self.start(name, "--db", str(file), says=(file,))
        self.assertEqual(file.read_bytes(), before)

    def test_a_folder(self):
        self.start("consumer", "--db", str(self.folder), says=(self.folder,))

    def test_no_such_folder(self):
        self.start("consumer", "--db", str(self.folder / "no" / "such.db"), says=(self.folder / "no" / "such.db",))

    def database(self, name):
        """A file that the program has made itself."""
        server = Server(name, self.folder)
        server.start()
        self.assertEqual(server.stop(), 0)
        server.close()
        return server.db

    def test_a_newer_version(self):
        for name in PROGRAMS:
            file = self.database(name)
            with sqlite3.connect(file) as newer:
                newer.execute("PRAGMA user_version = 4711")
            newer.close()
            before = file.read_bytes()
            self.start(name, "--db", str(file), says=(file, 4711))
            self.assertEqual(file.read_bytes(), before)

    def test_another_programs_file(self):
        file = self.database("consumer")
        before = file.read_bytes()
        self.start("restaurant", "--db", str(file), says=(file,))
        self.assertEqual(file.read_bytes(), before)

    def test_common_data_in_another_file(self):
        file = self.database("restaurant")
        before = file.read_bytes()
        self.start("consumer", "--common-data", str(file), says=(file,))
        self.assertEqual(file.read_bytes(), before)

    def test_somebody_elses_database(self):
        file = self.folder / "photos.db"
        with sqlite3.connect(file) as photos:
            photos.execute("CREATE TABLE photos (name TEXT)")
        photos.close()
        before = file.read_bytes()
        self.start("order", "--db", str(file), says=(file,))
        self.assertEqual(file.read_bytes(), before)

    def test_read_only(self):
        """A file, and a folder. Root may write everywhere, so as root the server runs as nobody."""
        before = ()
        if os.geteuid() == 0:
            before = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            can = shutil.which("setpriv") and subprocess.run(
                [*before, Server.program("consumer"), "--version"], capture_output=True, check=False).returncode == 0
            if not can:
                self.skipTest("root may write everywhere, and cannot run the programs as nobody here")
        file = self.database("consumer")
        os.chmod(self.folder, 0o755)
        os.chmod(file, 0o444)
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o755)
        self.start("consumer", "--db", str(file), before=before, says=(file,))
        self.start("consumer", "--db", str(self.folder / "other.db"), before=before, says=(self.folder / "other.db",))

    def test_a_ready_file_that_cannot_be_written(self):
        path = self.folder / "no" / "ready.json"
        self.start("consumer", "--ready-file", str(path), says=(path,))


if __name__ == "__main__":
    unittest.main()
