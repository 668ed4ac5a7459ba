"""RQ worker that runs jobs in its own process and keeps its connections between them.

The queue of what is due hands out every piece of work until it is done, so RQ only has to wake a worker: its
records of the executions of a job, about fifty Redis commands for each, are left out.
"""

from __future__ import annotations

import contextvars
import faulthandler
import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import JobTimeoutException
from rq.utils import now
from rq.worker.base import WorkerStatus

from bot.queue import JOB_TIMEOUT_S
from jobs.runtime import Shutdown
from jobs.storage import generation
from jobs.storage.counters import COUNTERS

BEAT_S = 10
"""Seconds between two signs of life (:data:`bot.queue.health.SEEN_S`)."""
HUNG_S = 60
"""Seconds after a job's timeout after which its whole process ends."""
MOST_JOBS = 5_000
"""Jobs after which a worker is replaced by a new process, so that no leak grows forever."""
MOST_MIB = 256
"""Resident memory in MiB at which a worker is replaced, because a process keeps what it once had."""
log = structlog.get_logger(__name__)


class BotWorker(SimpleWorker):
    """RQ worker whose jobs find nothing of earlier jobs but the open connections.

    Each job runs in a copy of the context, and the event loop of the process keeps no task
    (:mod:`jobs.clouds.warm_loop`). While Redis is unavailable, this worker retries every 2 seconds;
    RQ's own waits for up to a minute.
    """

    max_connection_wait_time = 2.0

    def __init__(self, *arguments: Any, shutdown: Shutdown | None = None, **options: Any) -> None:
        """Create a worker of RQ; the jobs look at ``shutdown``, the request to stop."""
        super().__init__(*arguments, **options)
        self._stopping = shutdown or Shutdown()
        self._jobs_left = MOST_JOBS
        self._over = threading.Event()
        self._pulse = threading.Thread(target=self._beat, daemon=True)

    def subscribe(self) -> None:
        """Begin to give signs of life, also during a long job.

        RQ would listen here for commands, with which a writer to Redis could stop the worker.
        """
        self._pulse.start()

    def unsubscribe(self) -> None:
        """Give no more signs of life, and hand over the last counts."""
        self._over.set()
        COUNTERS.flush(self.connection)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            COUNTERS.flush(self.connection)
            with suppress(RedisError), self.connection.pipeline(transaction=False) as pipe:
                self.last_heartbeat = now()
                done = {"successful_job_count": MOST_JOBS - self._jobs_left}
                pipe.hset(self.key, mapping=self.serialize() | done)
                pipe.expire(self.key, self.worker_ttl + 60)
                pipe.sadd(self.redis_workers_keys, self.key)
                pipe.execute()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Leave the signs of life to the thread, because RQ would give twenty for each job."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001  as in RQ
        """Go on: RQ would ask Redis before each job whether somebody has suspended all workers."""

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Keep the state in this process, where alone it is read."""
        self._state = state

    def handle_warm_shutdown_request(self) -> None:
        """Handle SIGTERM: the job begins nothing more.

        The process is killed only if that takes too long (:mod:`bot.processes.supervisor`).
        """
        self._stopping.request()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job, unless SIGTERM has come; after many jobs, or with much memory, end.

        A job that hangs where Python cannot interrupt it ends together with this process. If a newer
        version has changed the layout of the data, the job is left to that version's workers.
        """
        if self._stopping.requested():
            raise StopRequested
        if why := generation.layout_problem(self.connection):
            log.critical("data refused", why=why)
            return
        self.set_state(WorkerStatus.BUSY)
        faulthandler.dump_traceback_later((job.timeout or JOB_TIMEOUT_S) + HUNG_S, exit=True)
        try:
            contextvars.copy_context().run(self._perform, job, queue)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.set_state(WorkerStatus.IDLE)
        self._jobs_left -= 1
        if self._jobs_left <= 0 or memory_mib() > MOST_MIB:
            log.info("worker is replaced", jobs=MOST_JOBS - self._jobs_left, mib=memory_mib())
            self._stop_requested = True

    def _perform(self, job: Job, queue: Queue) -> None:
        """Run the job's function with the job's id in every line of the log, and forget the job.

        A job that failed is kept for an hour.
        """
        job.started_at = now()
        limit = self.death_penalty_class(job.timeout or JOB_TIMEOUT_S, JobTimeoutException)
        failed = False
        try:
            with structlog.contextvars.bound_contextvars(job=job.id), limit:
                job.perform()
        except Exception:  # noqa: BLE001  a failed job must not end the worker
            failed, job.ended_at = True, now()
            self.handle_exception(job, *sys.exc_info())
            self.handle_job_failure(job, queue, exc_string=traceback.format_exc())
        with self.connection.pipeline(transaction=False) as pipe:
            if not failed:
                pipe.delete(job.key)
            if len(self.queues) == 1:
                pipe.lrem(queue.intermediate_queue_key, 1, job.id)
            pipe.execute()


def memory_mib() -> int:
    """Return the resident memory of this process in MiB, or 0 where /proc does not tell it."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
