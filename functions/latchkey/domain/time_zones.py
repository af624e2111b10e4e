"""Time zones by name, also where the system has none."""

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@cache
def time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    No page of AWS promises that Lambda's image has time zones. python-dateutil, which botocore brings along,
    carries them in one archive; the package tzdata would be six hundred files more in every function.

    Raises:
        ZoneInfoNotFoundError: when there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        # Only then, because it takes longer than all other modules of a function's own.
        import tarfile  # noqa: PLC0415

        from dateutil.zoneinfo import getzoneinfofile_stream  # noqa: PLC0415

        with tarfile.open(fileobj=getzoneinfofile_stream()) as archive:
            if name not in archive.getnames():
                raise
            file = archive.extractfile(name)
            if file is None:  # a folder of zones, such as Europe
                raise
            return ZoneInfo.from_file(file, name)
