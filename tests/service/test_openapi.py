"""Schemathesis asks whatever the OpenAPI document allows, and what it does not, with all of its checks."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi import checks as openapi_checks

from rulecap.service.app import create_app
from rulecap.service.settings import read_settings

# What a snapshot or a policy asks for beyond what a JSON schema can say: a book's order, a matrix's symmetry, the names
# and ranges that a policy knows. So a body that fits the schema may be refused, as these operations' own tests show.
BEYOND_THE_SCHEMA = {"evaluate", "risk_parity", "kelly", "leverage"}
ENDLESS = "/api/events"
