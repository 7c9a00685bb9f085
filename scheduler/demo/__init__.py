"""A made-up clinic with a past and a future around today, for trying Seriate and for its own tests.

It is played, not copied in: courses are booked, visits kept, missed and cancelled through the services, each at its own
past time, so that everything which follows from a step is there. Mail that would have gone out in the past did not, and
its rows say so.
"""
