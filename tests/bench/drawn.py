"""Simulated endpoints drawn from a seed, over the ranges that real ones have."""

import random
from typing import Literal

from msgspec import Struct

from llmprobe.core.slo import Slo
from llmprobe.sim.faults import Shares
from llmprobe.sim.limits import Limits
from llmprobe.sim.model import Autoscale, Config, Lengths, Others
from llmprobe.sim.replica import Hardware
from llmprobe.sim.weather import Weather
from tests.bench.virtual import Asking, Endpoint


class Drawn(Struct, frozen=True):
    """An endpoint to search, and for what."""

    name: str
    endpoint: Endpoint
    slos: tuple[Slo, ...]
    most: int = 256
    drifts: bool = False


def draw(seed: int, number: int) -> Drawn:
    """Endpoint `number` of a seed. (A generator by name, so that a range added draws no other ones anew.)"""
    dice = random.Random(f"{seed}/{number}")
    kinds: list[str] = []
    step_s, slots = dice.uniform(0.008, 0.04), dice.choice([1, 8, 16, 24, 32, 48, 64, 96, 128, 256])
    chunk = dice.choice([512, 1024, 2048, 16384])
    asking = Asking(
        median=dice.choice([150, 300, 800, 2000, 3000]),
        sigma=dice.uniform(0.3, 0.9),
        long_share=0.08 if chunk == 16384 else 0.0,
    )
    lengths = Lengths(dice.uniform(50, 200), dice.uniform(0.3, 1.2))
    memory = dice.choice([None, None, dice.randint(20_000, 200_000)])
    preempts = memory is not None and dice.random() < 0.3
    slos = [
        Slo("ttft", round(dice.uniform(0.5, 2.0), 2), "p95"),
        Slo("tpot", round(dice.uniform(0.04, 0.12), 3), "p95"),
        Slo("errors", 0.01),
    ]
    weather, drifts = _weather(dice, kinds)
    limits, slots = _limits(dice, kinds, slots)
    replicas = dice.choice([1, 1, 1, 2, 4, 8])
    autoscale = None
    if dice.random() < 0.05:
        kinds.append("autoscale")
        autoscale = Autoscale(dice.choice([3, 4]), dice.choice([3, 4]), dice.uniform(30, 40))
        replicas = 1
    most = 256
    extreme = dice.random()
    if extreme < 0.05:
        kinds.append("unbroken")
        slots, step_s, most, limits, memory = 256, 0.012, 16, Limits(), None
        slos = [Slo("ttft", 2.0, "p95"), Slo("tpot", 0.12, "p95"), Slo("errors", 0.01)]
        asking, chunk = Asking(300, 0.4), 2048
    elif extreme < 0.08:
        kinds.append("hopeless")
        slos[1] = Slo("tpot", round(step_s * dice.uniform(0.5, 0.9), 4), "p95")
    machine = Config(
        Hardware(
            slots=slots,
            step_s=step_s,
            step_s_per_request=dice.uniform(0.00002, 0.0005),
            step_s_per_kv_token=dice.uniform(0, 0.6e-6) / 1000,
            prefill_s_per_token=dice.uniform(0.00002, 0.00012),
            prefill_chunk=chunk,
            kv_tokens=memory,
            when_full="preempt" if preempts else "queue",
            weather=weather,
        ),
        lengths,
        replicas=replicas,
        limits=limits,
        balancing=dice.choice(["least", "round_robin", "random"]),
        first_slower=2.0 if replicas > 1 and dice.random() < 0.15 else 1.0,
        cached_share=dice.uniform(0, 0.8) if dice.random() < 0.1 else 0.0,
        others=_others(dice, kinds, asking),
        autoscale=autoscale,
    )
    endpoint = Endpoint(
        machine,
        asking,
        rtt_s=dice.uniform(0.01, 0.35),
        rtt_sigma=dice.uniform(0, 0.35),
        think_s=dice.choice([0.0, 0.0, 0.0, 1.0]),
        faults=Shares(fail_500=dice.choice([0, 0, 0.002, 0.004])),
    )
    return Drawn(f"{number}:{'+'.join(kinds) or 'plain'}", endpoint, tuple(slos), most, drifts)


def _weather(dice: random.Random, kinds: list[str]) -> tuple[Weather | None, bool]:
    kind = dice.random()
    if kind < 0.08:
        kinds.append("neighbour")
        slower, spell_s, calm_s = dice.uniform(1.3, 1.7), dice.uniform(30, 40), dice.uniform(15, 20)
        return Weather(neighbour=slower, spell_s=spell_s, calm_s=calm_s), False
    if kind < 0.13:
        kinds.append("cold")
        return Weather(cold=4.0, cold_s=30.0), False
    if kind < 0.19:
        kinds.append("drift")
        return Weather(drift=dice.uniform(1.8, 2.5), drift_over_s=dice.uniform(600, 900)), True
    return None, False


def _limits(dice: random.Random, kinds: list[str], slots: int) -> tuple[Limits, int]:
    kind = dice.random()
    minute = dice.random() < 0.25
    told = dice.random() < 0.5
    burst_s = dice.choice([5.0, 20.0, 60.0])
    window: Literal["minute", "bucket"] = "minute" if minute else "bucket"
    if kind < 0.12:
        kinds.append("rpm")
        rpm = dice.uniform(100, 400)
        return Limits(rpm, burst_s=burst_s, window=window, tells_retry_after=told), slots
    if kind < 0.20:
        kinds.append("tpm")
        counted: Literal["declared", "real"] = dice.choice(["declared", "real"])
        tpm = dice.uniform(20_000, 300_000)
        return Limits(
            None, tpm, burst_s=burst_s, window=window, tokens_counted=counted, tells_retry_after=told
        ), slots
    if kind < 0.30:
        kinds.append("cap")
        return Limits(concurrency=dice.randint(5, 30)), slots
    if kind < 0.40:
        kinds.append("queue")
        return Limits(), min(slots, dice.randint(8, 30))
    return Limits(), slots


def _others(dice: random.Random, kinds: list[str], asking: Asking) -> Others | None:
    if dice.random() >= 0.1:
        return None
    kinds.append("others")
    return Others(dice.uniform(1, 4), round(asking.median))
