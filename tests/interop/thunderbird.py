"""Thunderbird itself, without a window and with a profile of its own, driven over Marionette (its test protocol)."""

import json
import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.chaos.debian import program
from tools import processes

SCRIPT = Path(__file__).with_name("thunderbird_client.js")
ADDRESS = "nora@example.org"
WAIT = 60  # seconds, to come up and for each answer
SETTINGS = {
    "mail.smtpservers": "drill",
    "mail.smtp.defaultserver": "drill",
    "mail.smtpserver.drill.type": "smtp",
    "mail.smtpserver.drill.hostname": "127.0.0.1",
    "mail.smtpserver.drill.authMethod": 1,  # none
    "mail.smtpserver.drill.try_ssl": 0,
    "app.update.disabledForTesting": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
}


class Thunderbird:
    """The program, which sends its answers to the mail server at a port of this machine.

    Calendars are lists of (uid, start in UTC, status, SEQUENCE).
    """

    def __init__(self, folder, mail_port):
        port = processes.free_port()
        settings = {**SETTINGS, "marionette.port": port, "mail.smtpserver.drill.port": mail_port}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
        (folder / "user.js").write_text("".join(lines))
        command = [
            program("thunderbird", "thunderbird"),
            "--headless",
            "--no-remote",
            "--profile",
            str(folder),
        ]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--marionette", "--remote-allow-system-access"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"HOME": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8"},
            )  # fmt: skip
        self._connect(port)
        self._command("WebDriver:NewSession", capabilities={})
        self._command("WebDriver:SetTimeouts", script=WAIT * 1000)
        self._command("Marionette:SetContext", value="chrome")
        self._run("setUp", address=ADDRESS)

    def receive(self, calendar, method):
        """Open a mail with this calendar part and press what is offered; return that, and the patient's calendar.

        What asks for an answer is accepted, and the answer is mailed.
        """
        answer = self._run(
            "receive", calendar=calendar, method=method, sender="desk@seriate.example", recipient=ADDRESS
        )
        return answer["offered"], _events(answer)

    def subscribe(self, address):
        return _events(self._run("subscribe", address=address))

    def refresh(self):
        return _events(self._run("refresh"))

    def close(self):
        with suppress(OSError, AssertionError):
            self._command("Marionette:Quit", flags=["eForceQuit"])
        self._socket.close()
        self.process.wait(WAIT)

    def _run(self, what, **values):
        given = {"script": SCRIPT.read_text(), "args": [what, values], "sandbox": "system"}
        answer = self._command("WebDriver:ExecuteAsyncScript", **given)["value"]
        assert "trouble" not in answer, answer
        return answer

    def _connect(self, port):
        last = time.monotonic() + WAIT
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=2 * WAIT)
                break
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < last, self.log.read_text()
                time.sleep(0.2)
        self._file, self._number = self._socket.makefile("rb"), 0
        self._read()

    def _command(self, name, **values):
        self._number += 1
        content = json.dumps([0, self._number, name, values]).encode()
        self._socket.sendall(b"%d:%s" % (len(content), content))
        _, number, trouble, result = self._read()
        assert (number, trouble) == (self._number, None), trouble
        return result

    def _read(self):
        size = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, self.log.read_text()
            size += byte
        return json.loads(self._file.read(int(size)))


def _events(answer):
    return [tuple(one) for one in answer["events"]]
