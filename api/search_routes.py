"""The routes of the search."""

from __future__ import annotations

from api import search
from api.routing import EMPTY, NUMBER, Answer, Parameter, Route
from api.search_schemas import (
    FacetsOut,
    SavedList,
    SavedOut,
    SearchPage,
    SearchToSave,
    SearchWanted,
    SuggestionsOut,
)
from evidence.search import CRITERIA

_CRITERIA = tuple(Parameter(name, "query") for name in CRITERIA)

SEARCH_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/search",
        search.search,
        {200: Answer(SearchPage)},
        None,
        (*_CRITERIA, Parameter("cursor", "query"), Parameter("limit", "query", False, NUMBER)),
        (400,),
        tag="search",
    ),
    Route(
        "GET",
        "/search/facets",
        search.facets,
        {200: Answer(FacetsOut)},
        None,
        _CRITERIA,
        (400,),
        tag="search",
    ),
    Route(
        "GET",
        "/search/suggest",
        search.suggest,
        {200: Answer(SuggestionsOut)},
        None,
        (Parameter("text", "query", True),),
        (400,),
        tag="search",
    ),
    Route(
        "POST",
        "/search/csv",
        search.export,
        {200: Answer(media_type="text/csv")},
        SearchWanted,
        errors=(400, 413),
        tag="search",
    ),
    Route(
        "POST",
        "/searches",
        search.save,
        {201: Answer(SavedOut)},
        SearchToSave,
        errors=(400, 409),
        tag="search",
    ),
    Route("GET", "/searches", search.saved, {200: Answer(SavedList)}, tag="search"),
    Route("DELETE", "/searches/{search}", search.drop, {204: EMPTY}, tag="search"),
)
