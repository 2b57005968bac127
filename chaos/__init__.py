"""Real workers on a real Kafka against the sandbox, broken on purpose, and audited from outside.

`fleet` starts everything, `load` lets people write, `link` and `processes` break things; `observer`
reads Kafka and the sandbox's log with no code of the app, `audit` compares the two.
"""
