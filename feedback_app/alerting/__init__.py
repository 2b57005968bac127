"""Alerts and their delivery: rules, the outbox, and the receivers that show alerts to people.

`rules` decides what is an alert and `step` what the outbox does next; both are pure. `outbox`
carries it out with `sending` and `reconcile`, one `channel_queue` for each channel, on the records
of `delivery_state`. `receivers` renders and posts, and says what certainly happened (`outcome`).
"""
