"""The logs of lines that are known by name, each as RE2 patterns whose groups name its columns.

To add one, add an entry to FORMATS. A pattern needs a group `time`; groups that nobody reads cost nothing.
"""

from typing import NamedTuple

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_CLF = r"\[(?P<time>\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d[^\]]*)\]"
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z| ?[+-]\d\d:?\d\d| UTC| GMT)?"
_SYSLOG = r"[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
_LEVELS = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL"
_HAPROXY = (
    r"(?:^|\s)(?P<client>[0-9A-Fa-f.:]+|unix@\S+|localhost):(?P<port>\d+) "
    r"\[(?P<time>\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d+)\] "
    r"(?P<frontend>\S+) (?P<backend>[^\s/]+)/(?P<server>\S+) "
)


class LineFormat(NamedTuple):
    """A log of lines: its title, the column that is its session by default ("" if none), and its patterns."""

    title: str
    session: str
    patterns: tuple[str, ...]


FORMATS = {
    "haproxy-http": LineFormat(
        "HAProxy HTTP log",
        "client",
        (_HAPROXY + r"[-\d]+/[-\d]+/[-\d]+/[-\d]+/\+?(?P<duration_ms>\d+) (?P<status>-?\d+) \+?(?P<bytes>\d+) ",),
    ),
    "haproxy-tcp": LineFormat(
        "HAProxy TCP log",
        "client",
        (_HAPROXY + r"[-\d]+/[-\d]+/\+?(?P<duration_ms>\d+) \+?(?P<bytes>\d+) (?P<termination>\S\S) ",),
    ),
    "combined": LineFormat(
        "access log of nginx or Apache",
        "client",
        (
            r"^(?:(?P<host>[\w.-]+:\d+) )?(?P<client>[^\s,]+)(?:, ?[^\s,]+)* (?P<ident>\S+) (?P<user>\S[^\[]*?) "
            rf'{_CLF} "(?P<method>[A-Z]+ )?(?P<path>(?:[^"\\ ]|\\.)*)(?:[^"\\]|\\.)*" '
            r"(?P<status>\d{3}|-)(?: (?P<bytes>\d+|-))?",
        ),
    ),
    "envoy": LineFormat(
        "Envoy access log",
        "client",
        (
            r"^\[(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z?)\] "
            rf'{_QUOTED} (?P<status>\d+) (?P<flags>\S+) (?:\S+ \S+ {_QUOTED} )?(?P<received>\d+) (?P<sent>\d+) '
            r'(?P<duration_ms>\d+) (?P<upstream_ms>\S+) "(?P<client>[^",]*)[^"]*" "(?P<agent>(?:[^"\\]|\\.)*)" '
            r'"(?P<request_id>[^"]*)" "(?P<authority>[^"]*)" "(?P<upstream_host>[^"]*)"',
        ),
    ),
    "alb": LineFormat(
        "access log of an AWS load balancer",
        "client",
        (
            r"^(?:(?P<type>https?|h2|grpcs?|wss?) )?(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) (?P<balancer>\S+) "
            r"(?P<client>\S+):(?P<port>\d+) (?P<target>\S+) -?[\d.]+ (?P<duration_s>-?[\d.]+) -?[\d.]+ (?P<status>\S+) "
            rf"\S+ (?P<received>\d+) (?P<sent>\d+) (?P<request>{_QUOTED})",
        ),
    ),
    "squid": LineFormat(
        "access log of Squid",
        "client",
        (r"^(?P<time>\d{9,10}\.\d{3}) +(?P<duration_ms>\d+) (?P<client>\S+) [A-Z_]+/(?P<status>\d{3}) \d+ [A-Z]+ \S+",),
    ),
    "nginx-error": LineFormat(
        "error log of nginx",
        "client",
        (
            r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): "
            r"(?:\*(?P<connection>\d+) )?(?P<message>.*?)(?:, client: (?P<client>[^,\s]+).*)?$",
        ),
    ),
    "apache-error": LineFormat(
        "error log of Apache",
        "client",
        (
            r"^\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} [\d:.]+ \d{4})\] \[(?P<level>[^\]]*)\] "
            r"(?:\[pid (?P<pid>\d+)[^\]]*\] )?(?:\[client (?P<client>[^\]]+?)(?::\d+)?\] )?(?P<message>.*)",
        ),
    ),
    "syslog": LineFormat(
        "syslog",
        "pid",
        (
            r"^<\d{1,3}>\d{1,2} (?P<time>\d{4}-\d\d-\d\dT\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<id>\S+) "
            r"(?:-|\[(?:[^\]\\]|\\.)*\])+(?: (?P<message>.*))?",
            rf"^(?:<\d{{1,3}}>)?(?P<time>{_SYSLOG}) (?:(?P<host>\S+) )?"
            r"(?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: ?(?P<message>.*)",
            rf"^(?:<\d{{1,3}}>)?(?:[A-Z][a-z]{{2}} )?(?P<time>{_ISO}|\d{{10}}\.\d+) (?:[A-Z]{{3,5}} )?"
            r"(?P<host>[^\s:\[]+) (?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)",
        ),
    ),
    "postgres": LineFormat(
        "log of PostgreSQL",
        "pid",
        (r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [A-Z]{1,5}| [+-]\d\d)?) \[(?P<pid>\d+)\][^:]* [A-Z]+: "
         r"(?P<message>.*)",),
    ),
    "log4j": LineFormat(
        "log of Spring, log4j or Python",
        "",
        (
            rf"^(?P<time>{_ISO}) +(?P<level>[A-Z]+) +(?P<pid>\d+) +--- +(?:\[[^\]]*\] +)?\[ *(?P<thread>[^\]]*?)\] "
            r"+(?P<logger>\S+) *: (?P<message>.*)",
            rf"^\[?(?P<time>{_ISO})\]? +(?:-? *\[(?P<thread>[^\]]*)\] +)?[\[(]?(?P<level>{_LEVELS})[\])]? +"
            r"(?:\[(?P<logger>[^\]]*)\]|(?P<name>\S+)) *[-:]+ (?P<message>.*)",
            rf"^(?P<time>{_ISO}) - (?P<logger>\S+) - (?P<level>\w+) - (?P<message>.*)",
            rf"^\[?(?P<time>{_ISO})\]?.*? (?P<level>{_LEVELS})\b(?P<message>.*)",
        ),
    ),
    "lines": LineFormat(
        "lines that begin with a time",
        "",
        (
            rf"^\W{{0,2}}(?P<time>{_ISO})(?P<message>.*)",
            r"^\W{0,2}(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(?P<message>.*)",
            rf"^{_CLF}(?P<message>.*)",
            rf"^(?P<time>{_SYSLOG})(?P<message>.*)",
            r"^(?P<time>\d{9,19}(?:\.\d+)?)\s(?P<message>.*)",
        ),
    ),
}  # fmt: skip
"""The formats by name, the more special first: a line of one may fit a later one too."""
