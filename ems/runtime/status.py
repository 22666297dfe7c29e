"""What the service tells about itself: JSON shapes of ``status`` and ``timeline``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ems.control.grid_limit import GridLimit, Limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ems.control.decision import Decision, LoadView, SourceView
    from ems.runtime.workers import LoadWorker, MeterWorker

Json: TypeAlias = Any


def limit_json(limit: GridLimit) -> Json:
    """``limited`` tells whether there is a limit; ``limit_w`` is null without one, never 0."""
    if isinstance(limit, Limited):
        return {
            "limited": True,
            "limit_w": limit.power_w,
            "source": limit.source.value,
            "restored": limit.restored,
        }
    return {"limited": False, "limit_w": None, "source": None, "restored": False}


def source_json(view: SourceView, now: float) -> Json:
    """One source of limits with ages and remaining time [s]."""
    remaining_s = None if view.expires_at is None else round(max(0.0, view.expires_at - now), 1)
    return {
        **limit_json(view.limit),
        "source": view.source.value,
        "state": view.state,
        "for_s": round(max(0.0, now - view.since), 1),
        "remaining_s": remaining_s,
        "peer": view.peer,
        "fault": view.fault,
    }


def load_json(view: LoadView, worker: LoadWorker | None) -> Json:
    """One SteuVE: set-point [W, A], measured power [W], reason."""
    setpoint = view.setpoint
    current_ma = None if setpoint is None else setpoint.current_ma
    measured = None if worker is None else worker.measurement
    return {
        "id": view.load_id,
        "name": view.name,
        "kind": view.kind.value,
        "steuve": view.steuve,
        "rated_w": view.rated_w,
        "priority": view.priority,
        "setpoint_w": None if setpoint is None else setpoint.power_w,
        "setpoint_a": None if current_ma is None else current_ma / 1000,
        "confirmed": view.confirmed,
        "power_w": view.power_w,
        "lower_w": view.lower_w,
        "exposure_w": view.exposure_w,
        "online": view.online,
        "status": None if measured is None else measured.status,
        "reason": {
            "code": view.reason.code.value,
            "resource": view.reason.resource,
            "missing": view.reason.missing,
        },
        "error": "" if worker is None else worker.info.last_error,
    }


def meter_json(worker: MeterWorker, now: float) -> Json:
    """One meter: last reading [W, import positive] and its age [s]."""
    reading = worker.reading
    return {
        "id": worker.meter_id,
        "role": worker.role,
        "power_w": None if reading is None else reading.power_w,
        "phases_w": None if reading is None else list(reading.phases_w),
        "age_s": None if worker.read_at is None else round(now - worker.read_at, 1),
        "error": worker.last_error,
    }


def decision_json(
    decision: Decision,
    now: float,
    workers: Mapping[str, LoadWorker],
    meters: Sequence[MeterWorker],
) -> Json:
    """The picture of one moment: signal, budget, loads, meters."""
    return {
        "signal": limit_json(decision.effective),
        "sources": [source_json(view, now) for view in decision.sources],
        "pmin_14a_w": decision.pmin_14a_w,
        "n_steuve": decision.n_steuve,
        "gzf": decision.gzf,
        "budget_w": decision.budget_w,
        "credit_w": decision.credit_w,
        "grid_power_w": decision.grid_power_w,
        "steuve_power_w": decision.steuve_power_w,
        "exposure_w": decision.exposure_w,
        "nwlb_w": decision.nwlb_w,
        "level": decision.level,
        "steuve": [load_json(view, workers.get(view.load_id)) for view in decision.loads],
        "meters": [meter_json(meter, now) for meter in meters],
    }


def timeline_json(decision: Decision, now: float) -> Json:
    """One point of the timeline (first-plant.md 3, Runner); ``t_s``: protocol seconds."""
    limit = limit_json(decision.effective)
    return {
        "t_s": round(now, 3),
        "limit_w": limit["limit_w"],
        "source": limit["source"],
        "restored": limit["restored"],
        "budget_w": decision.budget_w,
        "nwlb_w": decision.nwlb_w,
        "steuve": {
            view.load_id: {
                "setpoint_w": None if view.setpoint is None else view.setpoint.power_w,
                "power_w": view.power_w,
                "reason": view.reason.code.value,
            }
            for view in decision.loads
        },
    }
