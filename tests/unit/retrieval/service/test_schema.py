"""Whatever the interface's own document allows or forbids to ask, no answer is a failure of the service."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks

ROUTES = {
    "DELETE /api/photos/{image_id}/caption",
    "GET /api/about",
    "GET /api/photos/{image_id}",
    "GET /api/photos/{image_id}/explain",
    "GET /api/photos/{image_id}/similar",
    "GET /api/photos/{image_id}/thumbnail",
    "GET /api/search",
    "GET /health",
    "GET /metrics",
    "POST /api/session",
    "PUT /api/photos/{image_id}/caption",
}
TAKES_VALUES = (
    "GET /api/photos/{image_id}/explain",
    "GET /api/photos/{image_id}/similar",
    "GET /api/photos/{image_id}/thumbnail",
    "GET /api/search",
    "POST /api/session",
    "PUT /api/photos/{image_id}/caption",
)


@pytest.fixture
def operations(serve):
    # What schemathesis calls this machine.
    document = schemathesis.openapi.from_asgi("/openapi.json", serve(names=("testserver",)).app)
    return {result.ok().label: result.ok() for result in document.get_all_operations()}


def test_the_document_holds_every_route(operations):
    assert set(operations) == ROUTES


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        *((route, GenerationMode.POSITIVE) for route in sorted(ROUTES)),
        *((route, GenerationMode.NEGATIVE) for route in TAKES_VALUES),
    ],
)
def test_nothing_that_is_asked_breaks_the_service(operations, image_ids, route, mode):
    @given(operations[route].as_strategy(generation_mode=mode))
    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case):
        case.call_and_validate(checks=[checks.not_a_server_error])
        if "image_id" in case.path_parameters:
            case.path_parameters["image_id"] = image_ids["dog.jpg"]
            case.call_and_validate(checks=[checks.not_a_server_error])

    ask()
