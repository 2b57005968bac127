"""Alerts and their way into Slack: rules, messages, the Slack client and the outbox.

`rules` decides what is an alert, `message` what it looks like, `step` what the outbox does next;
all three are pure. `outbox` carries it out with `sending` and `lookup`, one `channel_queue` a Slack
channel, on the records of `delivery_state`; `slack_client` talks to Slack and says what certainly
happened (`outcome`).
"""
