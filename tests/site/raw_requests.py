"""Raw requests, and what a strict server must make of each: data for test_strictness.py."""

import raw_connection
import raw_framing
import raw_head
import raw_target
from raw_table import LIMITS, SECOND, Row, Topic

TOPICS: list[Topic] = [
    *raw_head.LINE_TOPICS,
    *raw_target.TOPICS,
    *raw_head.FIELD_TOPICS,
    *raw_framing.TOPICS,
    *raw_connection.TOPICS,
]
ROWS = [row for topic in TOPICS for row in topic.rows]
__all__ = ["LIMITS", "ROWS", "SECOND", "Row"]
