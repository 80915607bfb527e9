"""What extract-pods finds when it replays the pods' watch: the API server's memory of a world's changes, and the deletions that each replay shows.

The memory is that of the API server (kubernetes/kubernetes, staging/src/k8s.io/apiserver/pkg/storage/cacher/watch_cache.go): the last changes of all pods,
100 at least and 102,400 at most. It doubles while it is full of changes of the last 75 seconds, and halves if a quarter of it is enough for
these. A watch from before the oldest change fails with HTTP 410.
"""

from collections import deque

#: `eventFreshDuration` in seconds, `defaultLowerBoundCapacity` and `defaultUpperBoundCapacity`.
FRESH, LEAST, MOST = 75, 100, 100 * 1024

#: How often EventBridge Scheduler starts a replay, in seconds. It does so at any second of the minute (EventBridge Scheduler User Guide, "Schedule types").
EVERY = 60

#: After how many changes a run of extract-pods follows them, and until which second of its minute.
FOLLOWED, FOLLOW_UNTIL = 40, 58


def deletion(pod):
    """When the API server deletes a pod; None if it does not. kubelet deletes it a moment after its containers have ended."""
    if pod.end is None:
        return None
    if pod.listed_end:
        return None if pod.kept_for == float("inf") else pod.end + pod.kept_for
    return pod.end + pod.lingers + (0 if pod.is_lost() else 1)


def changes(pods):
    """When each pod is created, bound, given its address, started, ended and deleted: (second, pod of a deletion or None), in their order."""
    found = []
    for number, pod in enumerate(pods):
        for at in (pod.start, pod.start, pod.holds(), pod.holds() + 1):
            found.append((at, number, None))
        gone = deletion(pod)
        if gone is not None:
            # What is not lost is first to be deleted, then ended.
            found += [] if pod.is_lost() else [(pod.end - 1, number, None), (pod.end, number, None)]
            found.append((gone, number, pod))
    return [(at, pod) for at, _, pod in sorted(found, key=lambda change: change[:2])]


def replays(pods, times, busy=False):
    """The pods that each replay at these times shows deleted: {time: [pod]}. What a replay cannot see any more, none shows.

    `busy`: so many other pods change that the memory never reaches back further than it has to.
    """
    shown, memory, last = {}, Memory(), None
    coming = deque(changes(pods))
    for at in times:
        memory.fill(coming, at)
        if last is None:
            shown[at], last = [], at  # The first one begins here.
            continue
        # A replay begins after the last one; if that is forgotten, the next one begins after this one.
        there = (at - FRESH if busy else memory.forgotten) <= last
        found = memory.after(last) if there else []
        last = at
        if there and (busy or len(found) > FOLLOWED):
            last = max(at, at - at % EVERY + FOLLOW_UNTIL)
            memory.fill(coming, last)
            found += memory.after(at)
        shown[at] = [pod for _, pod in found if pod is not None]
    return shown


class Memory:
    """The changes that the API server remembers."""

    def __init__(self):
        self.changes, self.capacity = deque(), LEAST
        #: When the latest change was that it has forgotten.
        self.forgotten = float("-inf")

    def fill(self, coming, until):
        """Takes the changes until a time from those that come."""
        while coming and coming[0][0] <= until:
            change = coming.popleft()
            if len(self.changes) >= self.capacity:
                if change[0] - self.changes[0][0] < FRESH and self.capacity < MOST:
                    self.capacity *= 2
                elif change[0] - self.changes[-self.capacity // 4][0] > FRESH and self.capacity > LEAST:
                    self.capacity = max(self.capacity // 2, LEAST)
                while len(self.changes) >= self.capacity:
                    self.forgotten = self.changes.popleft()[0]
            self.changes.append(change)

    def after(self, at):
        """The changes after a time."""
        return [change for change in self.changes if change[0] > at]
