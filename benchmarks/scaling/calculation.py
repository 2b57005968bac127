"""Capacity plan for a rate: workers, partitions, brokers, disk and price, from measured costs."""

import math
from dataclasses import dataclass

BUSY = 0.6
"""Planned utilisation of a core; the rest is for bursts and for the loss of a worker."""
REPLICAS = 3
DAYS = 7
LEAST_PARTITIONS = 12
PARTITIONS_A_WORKER = 5
"""So that the share of a lost worker spreads evenly, and workers can be added."""
LEAST_WORKERS = 2
BROKERS = 3
LEAST_BROKER_CORES = 2
CORE_HOUR, GB_MONTH, HOURS_A_MONTH = 0.04, 0.10, 730


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs per message: CPU in milliseconds, bytes in `raw` and `scored` together."""

    model_ms: float
    outside_ms: float
    broker_ms: float
    stored_bytes: float


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of a rate: `disk_gb` for a week and all replicas, the price per month."""

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
    """Return the needs of so many messages a minute.

    Workers have 2 cores each up to 8 cores in all, and 4 beyond. Each replica is assumed to cost
    its broker what the single one cost in the measurement.
    """
    rate = per_minute / 60
    busy = rate * (costs.model_ms + costs.outside_ms) / 1000
    wanted = busy / BUSY
    each = 2 if wanted <= 8 else 4
    workers = max(LEAST_WORKERS, math.ceil(wanted / each))
    partitions = LEAST_PARTITIONS * math.ceil(
        max(workers * PARTITIONS_A_WORKER, LEAST_PARTITIONS) / LEAST_PARTITIONS
    )
    broker_busy = rate * costs.broker_ms * REPLICAS / 1000 / BUSY
    broker_cores = BROKERS * max(LEAST_BROKER_CORES, math.ceil(broker_busy / BROKERS))
    disk = rate * costs.stored_bytes * REPLICAS * 86_400 * DAYS / 1e9
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
    """Return the needs of several rates as a Markdown table, one column each."""
    every = [needs(costs, rate) for rate in rates]
    rows = {
        "messages a second": [f"{n.per_second:,.0f}" for n in every],
        "cores busy with workers": [f"{n.busy_cores:,.2f}" for n in every],
        f"workers, at {BUSY:.0%} load": [
            f"{n.workers} of {n.worker_cores // n.workers} cores" for n in every
        ],
        "partitions": [f"{n.partitions}" for n in every],
        "brokers": [f"{BROKERS} of {n.broker_cores // BROKERS} cores" for n in every],
        "MB a second per replica": [f"{n.megabytes_per_second:,.2f}" for n in every],
        f"disk in GB, {DAYS} days, {REPLICAS} replicas": [f"{n.disk_gb:,.0f}" for n in every],
        "money a month": [f"{n.price:,.0f}" for n in every],
    }
    head = f"| | {' | '.join(f'{rate:,.0f} a minute' for rate in rates)} |"
    rule = "|---" * (len(rates) + 1) + "|"
    return "\n".join([head, rule, *(f"| {k} | {' | '.join(v)} |" for k, v in rows.items())])
