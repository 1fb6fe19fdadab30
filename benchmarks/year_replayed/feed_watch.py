"""Follows the planted faults of the feed: broken, noticed, repaired."""

from datetime import date, timedelta
from typing import Any

from benchmarks.year_replayed.feed_faults import FeedFault
from benchmarks.year_replayed.year_record import PlantedFault
from serving.monitoring.report_format import Alarm, MonitorReport

GRAVE = ("warning", "critical")


class FeedWatch:
    """The faults of a year, one at a time.

    Attributes:
        planted: What became of those that have begun, in order.
    """

    def __init__(self, faults: tuple[FeedFault, ...]) -> None:
        """Takes the faults; none has begun."""
        self._faults = faults
        self._repaired: dict[str, date] = {}
        self._planted: dict[str, PlantedFault] = {}

    @property
    def planted(self) -> list[PlantedFault]:
        """What became of those that have begun, in order."""
        return list(self._planted.values())

    def fault_on(self, day: date) -> FeedFault | None:
        """Returns the fault that breaks the feed on a day; None: it is sound."""
        for fault in self._faults:
            if fault.is_on(day, self._repaired.get(fault.name)):
                return fault
        return None

    def fault_in(self, month: int) -> FeedFault | None:
        """Returns the fault that broke the feed in a month; None: there was none."""
        return next((one for one in self._faults if one.first_day.month == month), None)

    def days_of(self, fault: FeedFault) -> list[date]:
        """Returns the days that were sent broken."""
        record = self._planted.get(fault.name)
        return record.broken_days if record else []

    def record_of(self, fault: FeedFault) -> PlantedFault:
        """Returns what became of a fault that has begun."""
        return self._planted[fault.name]

    def send(self, fault: FeedFault, day: date, rows: Any) -> Any:
        """Returns a day's rows as the broken feed sends them."""
        fresh = PlantedFault(name=fault.name, began=fault.first_day)
        self._planted.setdefault(fault.name, fresh).broken_days.append(day)
        return fault.change(rows)

    def sent(self, fault: FeedFault, num_requests: int, num_rows: int) -> None:
        """Counts what was answered while nobody knew."""
        record = self._planted[fault.name]
        if not record.caught_by:
            record.num_requests += num_requests
            record.num_rows += num_rows
            record.num_all_rows += num_rows
            record.num_looks += 1

    def look(self, fault: FeedFault, day: date, report: MonitorReport) -> Alarm | None:
        """Looks for the alarm that tells a fault; the next day is repaired.

        Returns:
            The alarm, the first time it is seen; None: it is not there, or known.
        """
        record = self._planted[fault.name]
        if record.caught_by:
            return None
        found = [
            alarm
            for window in report.windows
            if not window.slice and window.start.date() == day
            for alarm in window.alarms
            if alarm.kind in fault.kinds
            and alarm.feature == fault.feature
            and alarm.severity in GRAVE
        ]
        if not found:
            return None
        record.caught_by = f"monitor: {found[0].severity} {found[0].kind}"
        record.message = found[0].message
        self._repaired[fault.name] = day + timedelta(days=1)
        return found[0]
