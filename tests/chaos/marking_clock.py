"""The clock with an inbox job that marks what it has read, as most programs do: the control of the inbox drill.

python -m tests.chaos.marking_clock FOLDER SECONDS
"""

from scheduler.clock import now
from scheduler.database import db, writing
from scheduler.notify import imap, received
from scheduler.processes import clock_process
from scheduler.services.patient.incoming_mail import receive
from tests.chaos import clock_with_brakes


def read_inbox(app, server):
    with imap.inbox(server) as mailbox:
        mailbox.select("INBOX")
        for uid in imap.search(mailbox, "UNSEEN"):
            [(_, content), *_] = mailbox.uid("FETCH", str(uid), f"(BODY[]<0.{received.LARGEST}>)")[1]
            with writing(app) as session:
                receive(session, content, now())
                db.session.flush()
    return "read"


if __name__ == "__main__":
    clock_process.read_inbox = read_inbox
    clock_with_brakes.main()
