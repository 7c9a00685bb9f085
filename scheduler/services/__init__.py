"""The layer of verbs. The session comes first, `now` is an argument; a service flushes and never commits.

A room for each subject: clinic, planning, course, visit, day, patient, mail, feed, account, trail, transfer. Beside
the rooms stands what all of them need: who acts, who may go first, how often, and what must not happen twice.
"""
