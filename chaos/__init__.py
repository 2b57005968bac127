"""Chaos kit: real workers on real Kafka against the sandbox, with injected faults and an audit.

`fleet` starts everything, `load` writes messages, `schedule` and `engine` inject faults, `cluster`,
`link` and `processes` carry them out; `observer` reads Kafka and the sandbox's log without any code
of the app, `audit` compares the two. Used by tests/integration and `make soak`.
"""
