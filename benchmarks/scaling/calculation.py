"""What a rate needs in workers, partitions, brokers, disk and money, from measured costs."""

import math
from dataclasses import dataclass

BUSY = 0.6
"""The share of a core that is planned for; the rest is for bursts, and for a worker that died."""
COPIES = 3
DAYS = 7
LEAST_PARTITIONS = 12
PARTITIONS_A_WORKER = 5
"""So that a dead worker's share spreads evenly, and there is room to add some."""
LEAST_WORKERS = 2
BROKERS = 3
LEAST_BROKER_CORES = 2
CORE_HOUR, GB_MONTH, HOURS_A_MONTH = 0.04, 0.10, 730


@dataclass(frozen=True, slots=True)
class Costs:
    """What one message costs: CPU in milliseconds, bytes in `raw` and `scored` together."""

    model_ms: float
    outside_ms: float
    broker_ms: float
    stored_bytes: float


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rate needs; `disk_gb` is for a week and all copies, the price for a month."""

    per_second: float
    busy_cores: float
    worker_cores: int
    workers: int
    partitions: int
    broker_cores: int
    megabytes_per_second: float
    disk_gb: float
    price: float


def needs(costs: Costs, per_minute: float) -> Needs:
    """Return what so many messages a minute need.

    Workers have 2 cores each up to eight cores in all, and 4 beyond. Each copy is taken to cost
    its broker what the only copy cost the measured one.
    """
    rate = per_minute / 60
    busy = rate * (costs.model_ms + costs.outside_ms) / 1000
    wanted = busy / BUSY
    each = 2 if wanted <= 8 else 4
    workers = max(LEAST_WORKERS, math.ceil(wanted / each))
    partitions = LEAST_PARTITIONS * math.ceil(
        max(workers * PARTITIONS_A_WORKER, LEAST_PARTITIONS) / LEAST_PARTITIONS
    )
    broker_busy = rate * costs.broker_ms * COPIES / 1000 / BUSY
    broker_cores = BROKERS * max(LEAST_BROKER_CORES, math.ceil(broker_busy / BROKERS))
    disk = rate * costs.stored_bytes * COPIES * 86_400 * DAYS / 1e9
    cores = workers * each + broker_cores
    return Needs(
        per_second=rate,
        busy_cores=busy,
        worker_cores=workers * each,
        workers=workers,
        partitions=partitions,
        broker_cores=broker_cores,
        megabytes_per_second=rate * costs.stored_bytes / 1e6,
        disk_gb=disk,
        price=cores * CORE_HOUR * HOURS_A_MONTH + disk * GB_MONTH,
    )


def table(costs: Costs, rates: tuple[float, ...]) -> str:
    """Return the needs of several rates in Markdown, a column a rate."""
    every = [needs(costs, rate) for rate in rates]
    rows = {
        "messages a second": [f"{n.per_second:,.0f}" for n in every],
        "cores busy with workers": [f"{n.busy_cores:,.2f}" for n in every],
        f"workers, at {BUSY:.0%} load": [
            f"{n.workers} of {n.worker_cores // n.workers} cores" for n in every
        ],
        "partitions": [f"{n.partitions}" for n in every],
        "brokers": [f"{BROKERS} of {n.broker_cores // BROKERS} cores" for n in every],
        "MB a second into one copy": [f"{n.megabytes_per_second:,.2f}" for n in every],
        f"disk in GB, {DAYS} days, {COPIES} copies": [f"{n.disk_gb:,.0f}" for n in every],
        "money a month": [f"{n.price:,.0f}" for n in every],
    }
    head = f"| | {' | '.join(f'{rate:,.0f} a minute' for rate in rates)} |"
    rule = "|---" * (len(rates) + 1) + "|"
    return "\n".join([head, rule, *(f"| {k} | {' | '.join(v)} |" for k, v in rows.items())])
