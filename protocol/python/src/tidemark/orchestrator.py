"""The orchestrator: claims decisions to retrain, runs the user's code for each attempt once, and reports."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, Union

from . import wire
from .attempts import CLAIMED, CLAIMING, ENDED, RUNNING, WAITING, Attempt, Attempts
from .control import Control, Granted, Refused
from .cursors import Cursor
from .curve import Curve
from .errors import ClosedError, UnansweredError
from .events import Decision, DecisionChange, Item
from .feed import CONTROL
from .subscriber import OUTPUT, Subscriber

#: Attempts that may wait here; beyond it nothing more is received, and the daemon keeps the rest.
MAX_ATTEMPTS = 1_000
MAX_PARALLEL = 64
#: Between two tries of a report that is not answered, in seconds.
RETRY_S = 1.0
RESTARTED = "orchestrator_restarted"
_PASSING = frozenset({"busy", "unavailable"})
_LOG = logging.getLogger("tidemark")


class Failed(Exception):
    """Raised by the user's code: the attempt failed, for this reason, and may be made again after some seconds."""

    def __init__(self, reason: str, *, retry_after: Optional[float] = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Orchestrator:
    """Calls `retrain(decision)` for each decision that it can claim, and reports what became of it.

        def retrain(decision: Decision) -> None:
            subprocess.run(["make", "train", f"MODEL={decision.model}"], check=True)

        Orchestrator(retrain, owner="trainer-1", cursor="/var/lib/trainer/cursor").run()

    Returning says that the attempt succeeded. An exception says that it failed: its text is the reason, and `Failed`
    can say when to try again. What is only proposed (`dry_run`) is left alone, and so is what is over, or claimed by
    another owner, before its turn comes.

    A file beside the cursor remembers each attempt before it is claimed and before it is run. After a restart, also
    after kill -9, what was waiting or claimed goes on. What was running is, with `resume="fail"`, reported failed with
    the reason `orchestrator_restarted`, so that the daemon issues another attempt; with `resume="rerun"` it is run
    again, for code that is idempotent by `decision.attempt_id`. No attempt is run twice else.

    Parameters
    ----------
    retrain: called in a thread of the orchestrator, one call for each model at a time.
    owner: who claims, 1 to 128 bytes. No two orchestrators that run at once may share one.
    output, control: the daemon's endpoints.
    cursor: a path, or an object with `load()` and `save(position)`, as of `Subscriber`.
    state: the file of attempts; by default the cursor's path and `.attempts`. StateError while another process has it.
    on_error: called, in the same thread, with the decision and the exception of a failed attempt.
    resume: see above.
    parallel: how many calls may run at once, for different models; 1 to 64.
    model: only decisions about this model.
    timeout: seconds in which the control socket should answer; a report that is not answered is made again.
    curve: the keys, for a daemon with `security`; its roles are `consume` and `acknowledge`.
    """

    def __init__(
        self,
        retrain: Callable[[Decision], Any],
        *,
        owner: str,
        cursor: Union[str, os.PathLike[str], Cursor],
        output: str = OUTPUT,
        control: str = CONTROL,
        state: Union[str, os.PathLike[str], None] = None,
        on_error: Optional[Callable[[Decision, BaseException], None]] = None,
        resume: str = "fail",
        parallel: int = 1,
        model: Optional[str] = None,
        timeout: float = 15.0,
        curve: Optional[Curve] = None,
    ) -> None:
        if resume not in ("fail", "rerun"):
            raise ValueError(f"resume {resume!r}; fail or rerun")
        if not 1 <= parallel <= MAX_PARALLEL:
            raise ValueError(f"parallel of {parallel}; 1 to {MAX_PARALLEL}")
        wire.feedback_descriptor("rt", "acked", owner=owner)  # a name that the wire can carry
        if state is None:
            if not isinstance(cursor, (str, os.PathLike)):
                raise ValueError("a cursor that is no path needs `state`, a path")
            state = os.fspath(cursor) + ".attempts"
        self._retrain, self._owner, self._on_error, self._resume = retrain, owner, on_error, resume
        self._stopping = False
        self._changed = threading.Condition()
        self._busy: set[str] = set()
        self._taken: set[str] = set()
        self._failure: Optional[BaseException] = None
        self._attempts = Attempts(Path(state))
        try:
            self._subscriber = Subscriber(
                output, kinds=("decision",), model=model, control=control, cursor=cursor, snapshot=True, curve=curve
            )
            self._control = Control(control, timeout=timeout, curve=curve)
        except BaseException:
            self._attempts.close()
            raise
        self._threads = [
            threading.Thread(target=self._work, name=f"tidemark orchestrator {index + 1}", daemon=True)
            for index in range(parallel)
        ]

    def run(self, idle: Optional[float] = None) -> None:
        """Works until `stop()`; with `idle`, until nothing has come for so many seconds and nothing is left to do.

        Once for each object. On return every call of the user's code has come back.
        """
        try:
            self._recover()
            for thread in self._threads:
                thread.start()
            while not self._stopping:
                self._wait_for_room()
                item = self._subscriber.receive(idle)
                if item is not None:
                    self._take(item)
                elif idle is not None and not self._attempts:
                    break
        except ClosedError:
            if not self._stopping:
                raise
        finally:
            self.stop()
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join()
            self._control.close()
            self._attempts.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends `run()` when the calls that are running have come back; from any thread, also from a signal handler.

        What is not begun, and what could not be reported, goes on at the next start.
        """
        self._stopping = True
        self._subscriber.close()
        with self._changed:
            self._changed.notify_all()

    # What comes.

    def _recover(self) -> None:
        for attempt in self._attempts.all():
            if attempt.phase == RUNNING:
                self._interrupted(attempt)

    def _interrupted(self, attempt: Attempt) -> None:
        """It was running when an earlier process ended."""
        if self._resume == "rerun":
            self._attempts.change(attempt, CLAIMED, again=True)
        else:
            self._attempts.change(attempt, ENDED, outcome="failed", reason=RESTARTED, retry_after=None)

    def _wait_for_room(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._attempts) < MAX_ATTEMPTS or self._stopping)

    def _take(self, item: Item) -> None:
        if isinstance(item, Decision):
            if item.dry_run or item.state not in (None, "issued") or not self._attempts.add(item):
                return
        elif isinstance(item, DecisionChange):
            self._drop(item)
        else:
            _LOG.warning("%s", item)
            return
        with self._changed:
            self._changed.notify_all()

    def _drop(self, change: DecisionChange) -> None:
        """Leaves what waits here, and is over or another's by now."""
        with self._changed:
            for attempt in self._attempts.all():
                decision = attempt.decision
                if decision.decision_id != change.decision_id or attempt.phase != WAITING or attempt.id in self._taken:
                    continue
                of_it = decision.attempt in (None, change.attempt)
                claimed = change.state in ("acked", "started") and change.owner != self._owner
                if change.final or (of_it and (claimed or change.state in ("failed", "rejected"))):
                    self._attempts.finish(attempt)

    # The threads.

    def _work(self) -> None:
        try:
            while (attempt := self._next()) is not None:
                try:
                    self._carry_out(attempt)
                finally:
                    with self._changed:
                        self._busy.discard(self._model(attempt))
                        self._taken.discard(attempt.id)
                        self._changed.notify_all()
        except BaseException as error:  # the file of attempts cannot be written, for instance: nothing may be begun
            self._failure = error
            self.stop()

    def _next(self) -> Optional[Attempt]:
        """The oldest attempt whose model nobody works on; None when it is time to stop."""
        with self._changed:
            while not self._stopping:
                for attempt in self._attempts.all():
                    if self._model(attempt) not in self._busy:
                        self._busy.add(self._model(attempt))
                        self._taken.add(attempt.id)
                        return attempt
                self._changed.wait()
            return None

    @staticmethod
    def _model(attempt: Attempt) -> str:
        return attempt.decision.model or ""

    def _carry_out(self, attempt: Attempt) -> None:
        """Brings an attempt to its end, or as far as it comes before `stop()`."""
        if attempt.phase in (WAITING, CLAIMING):
            self._attempts.change(attempt, CLAIMING)
            answer = self._report(attempt, "acked")
            if not isinstance(answer, Granted):
                return
            self._attempts.change(attempt, CLAIMED, token=answer.token)
            if answer.state not in ("acked", "issued"):
                self._interrupted(attempt)  # an earlier life of this owner began it, and its file is gone
        if attempt.phase == CLAIMED and (self._stopping or not self._run_once(attempt)):
            return
        if attempt.phase == ENDED and attempt.outcome is not None:
            reported = self._report(attempt, attempt.outcome, attempt.reason, attempt.retry_after)
            if isinstance(reported, Granted):
                self._attempts.finish(attempt)

    def _run_once(self, attempt: Attempt) -> bool:
        # First the file, then the daemon: a start that the daemon knows of and the file does not could run twice.
        self._attempts.change(attempt, RUNNING)
        if not isinstance(self._report(attempt, "started"), Granted):
            if attempt.phase == RUNNING:  # not answered before `stop()`, and not begun
                self._attempts.change(attempt, CLAIMED)
            return False
        outcome, reason, retry_after = "succeeded", None, None
        try:
            self._retrain(attempt.decision)
        except BaseException as error:
            outcome, reason = "failed", _cut(str(error) or type(error).__name__)
            retry_after = error.retry_after if isinstance(error, Failed) else None
            _LOG.warning("attempt %s failed", attempt.id, exc_info=error)
            self._tell(attempt.decision, error)
        self._attempts.change(attempt, ENDED, outcome=outcome, reason=reason, retry_after=retry_after)
        return True

    def _tell(self, decision: Decision, error: BaseException) -> None:
        if self._on_error is not None:
            try:
                self._on_error(decision, error)
            except Exception:
                _LOG.exception("on_error failed")

    def _report(
        self, attempt: Attempt, state: str, reason: Optional[str] = None, retry_after: Optional[float] = None
    ) -> Union[Granted, Refused, None]:
        """Reports until it is answered; None when it is time to stop. What is refused is over here."""
        decision = attempt.decision
        while True:
            answer: Union[Granted, Refused, None] = None
            try:
                answer = self._control.feedback(
                    decision.decision_id,
                    state,
                    owner=self._owner,
                    attempt=decision.attempt,
                    token=attempt.token,
                    reason=reason,
                    retry_after=retry_after,
                )
            except UnansweredError as error:
                _LOG.warning("%s of %s: %s", state, attempt.id, error)
            if isinstance(answer, Granted):
                return answer
            if answer is not None and answer.code not in _PASSING:
                _LOG.warning("%s of %s refused: %s %s", state, attempt.id, answer.code, answer.detail)
                self._attempts.finish(attempt)
                return answer
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, RETRY_S):
                    return None


def _cut(reason: str) -> str:
    """As much of a text as a report may carry."""
    return reason.encode("utf-8", "replace")[: wire.REASON_BYTES].decode("utf-8", "ignore")
