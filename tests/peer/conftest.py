"""The site tests' fixtures, for tests with foreign programs on the other end."""

import importlib.util
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "site"
sys.path.insert(0, str(SITE))
spec = importlib.util.spec_from_file_location("site_fixtures", SITE / "conftest.py")
assert spec and spec.loader
fixtures = importlib.util.module_from_spec(spec)
sys.modules["site_fixtures"] = fixtures
spec.loader.exec_module(fixtures)

sites = fixtures.sites
shared = fixtures.shared
harbour_data = fixtures.harbour_data
harbour = fixtures.harbour
