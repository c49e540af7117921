"""Runs: how the executions of a schedule end."""

from datetime import datetime, timedelta
from typing import Any

from entourage.archive.model import ItemStatus
from entourage.archive.store import schedules as store
from entourage.kernel.db import Tx


def end(
    tx: Tx, run_id: int, status: ItemStatus, items: int, error: str | None, *, last_post_at: datetime | None = None
) -> None:
    """Note how a run ended; a monitored thread goes on until `monitor_days` after its last post."""
    run = store.run(tx, run_id)
    schedule = store.get(tx, run.schedule_id) if run else None
    if run is None or run.status != "running":
        return
    well = status is ItemStatus.COMPLETED
    store.finish_run(tx, run_id, status="success" if well else "failure", items=items, error=error)
    if schedule is None:
        return
    changes: dict[str, Any] = {
        "last_run": run.started_at,
        "last_status": "success" if well else "failure",
        "last_items": items,
        "total_runs": schedule.total_runs + 1,
        "success_count": schedule.success_count + well,
        "failure_count": schedule.failure_count + (not well),
    }
    if schedule.monitor_days is not None and last_post_at is not None:
        changes["until"] = last_post_at + timedelta(days=schedule.monitor_days)
    store.update(tx, schedule.id, **changes)
