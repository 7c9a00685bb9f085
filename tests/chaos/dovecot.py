"""A dovecot of its own with one account, and its Maildir, into which mail is delivered as a mail server does it."""

import grp
import imaplib
import os
import pwd
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.debian import program
from tools import processes

USER, PASSWORD = "desk", "sesame"  # no space: the second is a word of the configuration
CONFIG = """protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/mail
mailbox_list_index = no
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = user={name} password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
"""


@dataclass
class Dovecot:
    """The running server."""

    folder: Path
    port: int
    owner: pwd.struct_passwd
    delivered: int = 0
    read_by_people: int = 0

    @property
    def url(self):
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def deliver(self, content, at, *, is_read=False):
        """Put a mail into the Maildir, unread unless a person has read it, as if it had come at that time."""
        self.delivered += 1
        self.read_by_people += is_read
        name = f"{self.delivered:06}.drill"
        waiting = self.folder / "mail" / "tmp" / name
        waiting.write_bytes(content)
        os.utime(waiting, (at.timestamp(), at.timestamp()))
        if os.geteuid() == 0:
            os.chown(waiting, self.owner.pw_uid, self.owner.pw_gid)
        waiting.rename(self.folder / "mail" / (f"cur/{name}:2,S" if is_read else f"new/{name}"))

    def unread(self):
        return len(self._search("UNSEEN"))

    def mails(self):
        return len(self._search("ALL"))

    def _search(self, what):
        mailbox = self._open()
        try:
            mailbox.select("INBOX", readonly=True)
            return mailbox.uid("SEARCH", what)[1][0].split()
        finally:
            mailbox.logout()

    def _open(self):
        mailbox = imaplib.IMAP4("127.0.0.1", self.port, timeout=30)
        mailbox.login(USER, PASSWORD)
        return mailbox

    def wait_until_up(self, seconds=20):
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            with suppress(OSError, imaplib.IMAP4.error):
                self._open().logout()
                return
            time.sleep(0.1)
        log = self.folder / "dovecot.log"
        raise AssertionError(f"dovecot does not come up: {log.read_text() if log.exists() else ''}")


@contextmanager
def dovecot(number=0):
    """Run it until the block ends."""
    command = program("dovecot", "dovecot-imapd")
    root = os.geteuid() == 0
    owner = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.getuid())
    folder = Path("/tmp") / f"seriate-imap-{os.getpid()}-{number}"  # short: it holds the paths of sockets
    for part in ("", "run", "state", "mail", "mail/new", "mail/cur", "mail/tmp"):
        (folder / part).mkdir()
        if root:
            os.chown(folder / part, owner.pw_uid, owner.pw_gid)
    server = Dovecot(folder, processes.free_port(), owner)
    file = folder / "dovecot.conf"
    file.write_text(
        CONFIG.format(
            folder=folder,
            port=server.port,
            user=owner.pw_name,
            group=grp.getgrgid(owner.pw_gid).gr_name,
            name=USER,
            password=PASSWORD,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
        )
    )
    running = subprocess.Popen([command, "-F", "-c", str(file)], stdin=subprocess.DEVNULL)
    try:
        server.wait_until_up()
        yield server
    finally:
        running.terminate()
        running.wait(30)
        shutil.rmtree(folder)
