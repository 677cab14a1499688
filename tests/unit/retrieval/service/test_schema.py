"""Whatever the interface's own document allows or forbids to ask, no answer is a failure of the service."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, note, settings
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


# What an index with image vectors and a calibration answers in another way.
OF_BOTH = (
    "GET /api/photos/{image_id}/explain",
    "GET /api/photos/{image_id}/similar",
    "GET /api/search",
)


@pytest.fixture(params=["captioned_index"])
def index(request):
    """One of the indexes, by the name of its fixture."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def operations(serve):
    # What schemathesis calls this machine.
    document = schemathesis.openapi.from_asgi("/openapi.json", serve(names=("testserver",)).app)
    return {result.ok().label: result.ok() for result in document.get_all_operations()}


def test_the_document_holds_every_route(operations):
    assert set(operations) == ROUTES


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        (
            "captioned_index",
            [
                *((route, GenerationMode.POSITIVE) for route in sorted(ROUTES)),
                *((route, GenerationMode.NEGATIVE) for route in TAKES_VALUES),
            ],
        ),
        ("whole_index", [(route, mode) for route in OF_BOTH for mode in GenerationMode]),
    ],
    ids=["captioned", "whole"],
    indirect=["index"],
)
def test_nothing_that_is_asked_breaks_the_service(operations, image_ids, asked):
    for route, mode in asked:
        ask_as_the_document_says(operations[route], mode, image_ids["dog.jpg"])


def ask_as_the_document_says(operation, mode, image_id):
    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case):
        note(f"{operation.label}, {mode}")
        case.call_and_validate(checks=[checks.not_a_server_error])
        if "image_id" in case.path_parameters:
            case.path_parameters["image_id"] = image_id
            case.call_and_validate(checks=[checks.not_a_server_error])

    ask()


@pytest.mark.parametrize("index", ["whole_index"], indirect=True)
def test_what_is_likely_enough_is_found_however_else_it_is_asked_for(operations, image_ids):
    @given(operations["GET /api/search"].as_strategy(generation_mode=GenerationMode.POSITIVE))
    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def ask(case):
        for name in ("where", "channel", "k"):
            case.query.pop(name, None)
        case.query["q"] = "a dog jumps over a log"
        hits = case.call_and_validate().json()["hits"]
        least = case.query.get("min_probability", 0.0)
        assert all(hit["probability"] >= least for hit in hits)
        # Of the photo with just that caption it is 0.982.
        assert least > 0.98 or image_ids["dog.jpg"] in [
            each for hit in hits for each in (hit["image_id"], *hit["duplicates"])
        ]

    ask()
