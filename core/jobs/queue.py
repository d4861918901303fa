"""The queue: who may request, stop and see a run, and when it goes to a worker.

Progress travels only through the run directory, so any session and any replica can watch.
"""

import logging
import os
import time
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from core import audit_log, files, identity
from core.data import ownership
from core.errors import LabError, Refused
from core.execution import carry_out
from core.jobs import sharing
from core.jobs.scheduler import Cluster, errors_logged
from core.registry import family
from core.runs import store
from core.runs.schema import RunRequest, Status
from core.runs.store import Run
from core.settings import settings

HANDOVER_TIMEOUT = 1.5
"""Seconds that a request waits for its run to reach a worker; the queue keeps the run."""

log = logging.getLogger(__name__)


# ---- requests and withdrawals


def submit(request: RunRequest, who: str) -> Run:
    """Request a run: the existing one, or a new one in the queue. `who` becomes an owner.

    Raises:
        Refused: jobs are switched off or not for this person, who has enough of them, the queue is
            full, or the run begins with what is somebody else's.
        LabError: the folder of runs cannot be written.
    """
    _check_origin(request, who)
    with store.store_lock():
        run = store.find(request.run_id)
        if run is not None and (run.shipped or run.status().state in ("done", "queued", "running")):
            _add_owner(run, who)
            return run
        _check_room(who)
        run = run or store.create(request.run_id, request.config, request.given)
        _queue(run)
        _add_owner(run, who)
    audit_log.note("asked", run=_logged_id(run))
    _send([run], active())
    jobs().settled(HANDOVER_TIMEOUT)
    return run


def prepare(who: str) -> None:
    """Have workers ready for somebody who is about to ask for a run. Never waits or raises."""
    if may_start(who):
        jobs().prepare()


def resume(run: Run, who: str) -> None:
    """Put a failed or cancelled run back into the queue; it goes on from its last epoch.

    Raises: as `submit`.
    """
    if not entitled(run, who) and not may_change(run, who):
        raise Refused("Only the owners of a run can resume it.")
    with store.store_lock():
        if run.shipped or run.status().state not in ("failed", "cancelled"):
            return
        _check_room(who)
        _queue(run)
        if entitled(run, who):  # an administrator who resumes a private one does not see it
            _add_owner(run, who)
    audit_log.note("resumed", run=_logged_id(run))
    _send([run], active())
    jobs().settled(HANDOVER_TIMEOUT)


def cancel(run: Run, who: str) -> None:
    """Withdraw from a run; without owners left it is stopped.

    Raises:
        Refused: `who` is neither an owner nor an administrator.
    """
    with store.store_lock():
        if _withdraw(run, who) or not run.status().active:
            return
        run.request_cancel()
        if not run.alive():  # still waiting: nobody else will write its status
            run.update(state="cancelled", stage="", eta=None)
    audit_log.note("cancelled", run=_logged_id(run))
    jobs().forget(run)
    _hand_on()  # another of the same person may begin


def delete(run: Run, who: str) -> None:
    """Withdraw from a finished run; without owners left it is deleted.

    Raises:
        Refused: shipped, still active, or `who` is neither an owner nor an administrator.
    """
    with store.store_lock():
        if run.shipped:
            raise Refused("Shipped runs are part of the lab and cannot be deleted.")
        status = _status(run)  # None: damaged, and may go
        if status and status.active:
            raise Refused("This run is under way: cancel it first.")
        if not _withdraw(run, who):
            logged_id = _logged_id(run)
            run.delete()
            audit_log.note("deleted", run=logged_id)


def take_over(before: str, who: str) -> int:
    """Transfer the runs of an anonymous visitor to the account that they have signed in to.

    Returns:
        The number of runs.

    Raises:
        LabError: the folder of runs cannot be written.
    """
    runs = [run for run in store.all_runs() if mine(run, before)]
    if runs:
        with store.store_lock():
            for run in runs:
                run.set_owners([*{who if o == before else o: None for o in run.owners()}])
    return len(runs)


def write_note(run: Run, who: str, text: str) -> None:
    """Keep a note on a run, plain text, instead of the one before; an empty one removes it.

    Raises:
        Refused: `who` is no owner.
        LabError: the note is too long.
    """
    if not mine(run, who):
        raise Refused("Only the owners of a run can write its note.")
    run.set_note(text)
    audit_log.note("noted", run=_logged_id(run))


# ---- links to private runs


def share(run: Run, who: str) -> str:
    """Return the token of a new link, with which whoever has it sees a private run.

    Raises:
        Refused: `who` is no owner, or the run is not private.
    """
    if not (mine(run, who) and run.spec().private):
        raise Refused("Only the owners of a private run can share it.")
    token = sharing.make_link(run)
    audit_log.note("shared", run=_logged_id(run))
    return token


def unshare(run: Run, who: str) -> None:
    """Withdraw the link to a run; nobody sees it by that link any more.

    Raises:
        Refused: `who` is no owner.
    """
    if not mine(run, who):
        raise Refused("Only the owners of a run can withdraw its link.")
    sharing.withdraw(run)
    audit_log.note("unshared", run=_logged_id(run))


def open_link(run_id: str, token: str, who: str) -> bool:
    """Open a link: whether it is one. From then on the run is visible to `who`, for some hours and
    until the link is withdrawn."""
    run = store.find(run_id)
    if run is None or run.shipped:
        return False
    before = sharing.opened(run, who)
    is_link = sharing.open_link(run, token, who)
    if is_link and not before:
        audit_log.note("opened", run=_logged_id(run))
    return is_link


# ---- what somebody may


def may_start(who: str) -> bool:
    """Whether somebody may start jobs here."""
    training = settings().training
    return training == "on" or (training == "signed-in" and identity.signed_in(who))


def refusal(who: str) -> str:
    """Why somebody may not start jobs, as a sentence; empty if they may."""
    if may_start(who):
        return ""
    if settings().training == "signed-in":
        return "Sign in to train, to draw maps and to dream here; all else is open to everybody."
    return (
        "Training is switched off on this server, and so are maps and dreams; what ships with the "
        "lab is all here."
    )


def mine(run: Run, who: str) -> bool:
    """Whether `who` is an owner of the run."""
    return not run.shipped and who in run.owners()


def may_change(run: Run, who: str) -> bool:
    """Whether `who` may cancel, resume and delete the run: its owners, and administrators."""
    return mine(run, who) or (not run.shipped and identity.administrator(who))


def visible(run: Run, who: str) -> bool:
    """Whether `who` may see the run: private ones are for their owners and for those who have
    opened a link to them, others for everybody."""
    return entitled(run, who) or sharing.opened(run, who)


def entitled(run: Run, who: str) -> bool:
    """Whether `who` may see the run without a link, and begin other runs with it."""
    return run.shipped or not run.spec().private or who in run.owners()


# ---- the queue


class Queue(NamedTuple):
    """The runs that have a marker, the active ones in the order of submission."""

    active: list[Run]
    broken: list[tuple[Run, str]]
    """Active, but damaged or of a kind that this version does not know; with a sentence."""
    ended: list[Run]


def queue() -> Queue:
    """Read the queue; the cost is proportional to its length."""
    active: list[tuple[float, str, Run]] = []
    current = Queue([], [], [])
    for run in store.marked():
        status = _status(run)
        if status is None or not status.active:
            current.ended.append(run)
            continue
        try:
            lane(run)
        except LabError as error:
            current.broken.append((run, str(error)))
        else:
            active.append((status.queued_at, run.id, run))
    current.active.extend(run for *_, run in sorted(active, key=lambda entry: entry[:2]))
    return current


def active() -> list[Run]:
    """Return the runs that wait or run, in the order of submission."""
    return queue().active


def ahead(run: Run) -> int:
    """How many runs that need the same worker come before this one."""
    before = [other.id for other in active() if lane(other) == lane(run)]
    return before.index(run.id) if run.id in before else 0


def tend() -> int:
    """Submit the runs that may begin, and those that a dead worker, scheduler or server has left;
    make sure that they have workers. Returns the number of these runs.

    A damaged run fails with a message and does not hold up the others.
    """
    current = queue()
    for run, sentence in current.broken:
        with errors_logged(run):
            if not run.alive():
                run.update(state="failed", stage="", eta=None, error=sentence)
                current.ended.append(run)
    store.forget_ended(current.ended)
    jobs().keep_only({run.id for run in current.active})
    if settings().training == "off":
        return 0
    orphaned = [run for run in current.active if not run.alive()]
    _send(orphaned, current.active)
    jobs().look_after([(run, lane(run)) for run in orphaned])
    return len(orphaned)


def work(run_id: str) -> None:
    """Carry out a run in a worker, at a low priority."""
    if hasattr(os, "nice") and os.nice(0) < 10:
        os.nice(10)
    audit_log.begin()
    run = store.open_run(run_id)
    if not run.status().active:  # withdrawn while it waited
        return
    try:
        ended = carry_out(run)
    except Refused:
        log.info("%s is worked on elsewhere", run_id)
    else:
        audit_log.note(ended.state, run=_logged_id(run), attempt=ended.attempt)


def lane(run: Run) -> str:
    """Return the lane, that is the worker, that a run needs."""
    spec = run.spec()
    return "quick" if family(spec.task).variant(spec.variant).quick else "long"


def _send(chosen: list[Run], waiting: list[Run]) -> None:
    """Hand runs to the cluster, unless others of the same person are to end first: so somebody
    who asks for ten does not keep the others from theirs.

    Args:
        chosen: the runs to hand on.
        waiting: all that are active, in order.
    """
    before: Counter[tuple[str, str]] = Counter()
    for run in waiting:
        with errors_logged(run):
            owner, needed = next(iter(run.owners()), ""), lane(run)
            if run in chosen and (not owner or before[owner, needed] < settings().max_running_each):
                jobs().submit(run, needed)
            before[owner, needed] += 1


def _logged_id(run: Run) -> str:
    """Return the id of a run for the log; of a private run only its last 8 characters."""
    try:
        return run.id[-8:] if run.spec().private else run.id
    except LabError:  # damaged
        return run.id[-8:]


def _status(run: Run) -> Status | None:
    try:
        return run.status()
    except LabError:
        return None


def _check_room(who: str) -> None:
    if sentence := refusal(who):
        raise Refused(sentence)
    limits, waiting = settings(), active()
    if len(waiting) >= limits.max_queue:
        raise Refused(f"The queue is full ({limits.max_queue} jobs). Try again when one has ended.")
    if sum(mine(run, who) for run in waiting) >= limits.max_jobs_each:
        raise Refused(
            f"{limits.max_jobs_each} jobs of yours wait or run already, as many as one person may "
            "have here. Try again when one has ended, or cancel one."
        )
    check_disk(who)


def check_disk(who: str) -> None:
    """Whether somebody may keep more here.

    Raises:
        Refused: their runs and pictures are as much as one person may have.
    """
    max_mb = settings().max_disk_mb_each
    used_mb = sum(files.size(run.path) for run in store.all_runs() if mine(run, who)) / 2**20
    if used_mb + ownership.disk_used(who) >= max_mb:
        raise Refused(
            f"Your runs and pictures take {max_mb:,} MB, as much as one person may use here. "
            "Delete some runs on the page Runs, or some of your sets of pictures."
        )


def _check_origin(request: RunRequest, who: str) -> None:
    """Whether somebody may use the pictures and the network that a run begins with.

    Raises:
        Refused: they are somebody else's, who may have shown them by a link.
    """
    spec = request.config
    for key in ("start_from", "source"):
        run = store.find(str(spec.config.get(key, "")))
        if run is not None and not entitled(run, who):
            raise Refused("This network is somebody else's: nothing can be made with it here.")
    names = (spec.dataset, *spec.data.others)
    if not all(ownership.visible(name, who) for name in names):
        raise Refused("These pictures are somebody else's.")


def _queue(run: Run) -> None:
    run.forget_cancel()
    attempt = run.status().attempt + 1
    run.update(state="queued", stage="", error="", eta=None, queued_at=time.time(), attempt=attempt)


def _add_owner(run: Run, who: str) -> None:
    if not run.shipped and who not in run.owners():
        run.set_owners([*run.owners(), who])


def _withdraw(run: Run, who: str) -> list[str]:
    """Take `who` off the owners, and withdraw the link to the run; gives the owners who are left.
    An administrator acts for all."""
    owners = run.owners()
    if who not in owners:
        if identity.administrator(who):
            return []
        raise Refused("Only the owners of a run can stop or delete it.")
    sharing.withdraw(run)
    left = [o for o in owners if o != who]
    if left:
        run.set_owners(left)
    return left


@lru_cache(maxsize=1)
def jobs() -> Cluster:
    """The cluster of this process."""

    def job(run_id: str) -> None:
        # Sent as it stands, not by name: the scheduler opens it, and would import torch.
        from core.jobs import work  # the name that replicas of every version know

        work(run_id)

    return Cluster(settings().runs / ".cluster", settings().scheduler, job, _hand_on)


def _hand_on() -> None:
    waiting = active() if settings().training != "off" else []
    _send([run for run in waiting if not run.alive()], waiting)
