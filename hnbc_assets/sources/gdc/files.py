"""GDC: a project's expression files, clinical records and mutations, by release.

In scope: which files and fields of GDC the project uses; the public functions of this source. Out of scope: the query
language (api.py), the index (index.py), clinical records (clinical.py), STAR and MAF files (star.py,
maf.py), what a value means for the study.

Everything is stored as received, including index and clinical replies, so that tables can be made again offline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hnbc_assets.errors import ChecksumMismatch, DownloadsIncomplete, StudyError, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive, Wanted
from hnbc_assets.sources.gdc import api, history
from hnbc_assets.sources.gdc.api import addresses, all_of, equals, release
from hnbc_assets.sources.gdc.clinical import read_clinical
from hnbc_assets.sources.gdc.index import CDR_FILE_ID, read_index, read_samples
from hnbc_assets.sources.gdc.maf import read_mutations
from hnbc_assets.sources.gdc.settings import Endpoints
from hnbc_assets.sources.gdc.star import read_expression
from hnbc_assets.sources.listing import InHand, Listing, fetch_listing
from hnbc_assets.sources.web.http import Client, Reply
from hnbc_assets.sources.web.progress import Progress

__all__ = [
    "fetch",
    "listing",
    "read_clinical",
    "read_expression",
    "read_index",
    "read_mutations",
    "read_samples",
    "release",
]

SOURCE = "gdc"
BIOTAB_FILE_IDS = {"TCGA-BRCA": "8162d394-8b64-4da2-9f5b-d164c54b9608"}
# The Clinical Data Resource is a publication's supplement: not in the index, not expected to change (seen in 2026).
CDR_STATED = {"size_bytes": 2945129, "md5": "a4591b2dcee39591f59e5e25a6ce75fa"}
SUFFIXES = {"star": "tsv", "maf": "maf.gz", "biotab": "txt", "cdr": "xlsx"}

FILE_FIELDS_REQUIRED = [
    ("file_id",),
    ("file_name",),
    ("md5sum",),
    ("file_size",),
    ("access",),
    ("data_type",),
    ("cases.submitter_id",),
    ("cases.project.project_id",),
    ("analysis.workflow_type",),
    ("associated_entities.entity_submitter_id",),
]
FILE_FIELDS_OPTIONAL = [
    "associated_entities.entity_type",
    "cases.samples.sample_type",
    "cases.samples.submitter_id",
    "data_format",
    "state",
    "updated_datetime",
]
CASE_FIELDS_REQUIRED = [
    ("submitter_id",),
    ("project.project_id",),
    ("demographic.vital_status",),
    ("demographic.days_to_death",),
    ("demographic.age_at_index",),
    ("demographic.sex_at_birth", "demographic.gender"),
    ("diagnoses.days_to_last_follow_up", "follow_ups.days_to_follow_up"),
    ("diagnoses.ajcc_pathologic_stage",),
    ("diagnoses.ajcc_pathologic_t",),
    ("diagnoses.ajcc_pathologic_n",),
    ("diagnoses.ajcc_pathologic_m",),
]
CASE_FIELDS_INDISPENSABLE = ("submitter_id", "project.project_id")
CASE_FIELDS_OPTIONAL = [
    "diagnoses.age_at_diagnosis",
    "diagnoses.classification_of_tumor",
    "diagnoses.diagnosis_is_primary_disease",
    "diagnoses.treatments.therapeutic_agents",
    "diagnoses.treatments.treatment_or_therapy",
    "diagnoses.treatments.treatment_type",
    "follow_ups.days_to_progression",
    "follow_ups.days_to_recurrence",
    "follow_ups.progression_or_recurrence",
    "updated_datetime",
]

# The version of what is fetched and recorded in the manifest. Increase the number when either changes: only then, or
# when other fields are requested, is a project fetched again.
CONTRACT = (
    *(1, BIOTAB_FILE_IDS, CDR_STATED),
    *(FILE_FIELDS_REQUIRED, FILE_FIELDS_OPTIONAL, CASE_FIELDS_REQUIRED, CASE_FIELDS_OPTIONAL),
)


def listing(
    client: Client,
    archive: Archive,
    project: str,
    *,
    mutations: bool = True,
    endpoints: Endpoints = "api",
    limit: int | None = None,
    previous: pd.DataFrame | None = None,
    accept_lost_fields: bool = False,
) -> Listing:
    """What GDC's index has of a project now, clinical records included (parameters and errors as `fetch`)."""
    if re.fullmatch(r"[A-Z0-9][A-Z0-9_.\-]*", project) is None:
        raise StudyError(f"{project!r} is not the name of a GDC project; names look like TCGA-BRCA.")
    version = release(client)
    folder = f"{project}/index" + ("" if limit is None else f"_first_{limit}")
    replies: list[InHand] = []

    def hits_of(kind: str, pages: Sequence[Reply]) -> list[dict[str, Any]]:
        """The hits of a search; its pages are added to the replies."""
        before = sum(reply.file_id.startswith(f"{folder}/{kind}-") for reply in replies)
        for number, page in enumerate(pages, start=before):
            name = f"{folder}/{kind}-{number:04}"
            replies.append(InHand(version, name, page.url, f"{name}.json", page.content))
        return [hit for page in pages for hit in page.value["data"]["hits"]]

    known = api.known_fields(client, "cases")
    menopause = sorted(field for field in known if field.endswith(".menopause_status"))
    fields = api.choose_fields(
        "cases",
        known,
        CASE_FIELDS_REQUIRED,
        CASE_FIELDS_OPTIONAL + menopause,
        indispensable=CASE_FIELDS_INDISPENSABLE,
        accept_lost=accept_lost_fields,
    )
    of_project = equals("project.project_id", project)
    pages = api.search(client, "cases", of_project, fields, sort="submitter_id", limit=limit)
    patients = [case["submitter_id"] for case in hits_of("cases", pages)]
    if not patients:
        asked = addresses(client, "projects")[0]
        raise StudyError(f"GDC {version} has no cases of a project {project!r}. Its projects are listed at {asked}.")

    file_fields = api.choose_fields(
        "files", api.known_fields(client, "files"), FILE_FIELDS_REQUIRED, FILE_FIELDS_OPTIONAL
    )
    wanted = []
    for kind, condition in searches(project, mutations).items():
        if limit is not None and kind in ("star", "maf"):
            condition = all_of(condition, equals("cases.submitter_id", patients))
        hits = hits_of(kind, api.search(client, "files", condition, file_fields, sort="file_id"))
        if not hits and kind == "biotab" and project in BIOTAB_FILE_IDS:  # replaced under another id?
            condition = biotab_by_name(project)
            hits = hits_of(kind, api.search(client, "files", condition, file_fields, sort="file_id"))
        chosen = [hit for hit in hits if hit["access"] == "open" and is_of_kind(kind, project, hit)]
        if not chosen and limit is None and (kind == "star" or project in BIOTAB_FILE_IDS):
            raise UpstreamChanged(f"GDC {version}: its index has no open {kind} file of {project}.")
        wanted += [wanted_file(client, kind, project, hit) for hit in chosen]
    if endpoints == "tcga_cdr":
        path = f"{project}/cdr/{CDR_FILE_ID}.xlsx"
        url, *others = addresses(client, f"data/{CDR_FILE_ID}")
        stated: Any = {} if client.upstream == "simulated" else CDR_STATED  # its survival is simulated too
        wanted.append(Wanted(CDR_FILE_ID, url, path, content="xlsx", others=tuple(others), **stated))
    if previous is not None:
        present = {one.file_id for one in wanted}
        replies += history.superseded(client, archive, version, folder, previous, present)
    return Listing(SOURCE, version, tuple((version, one) for one in wanted), tuple(replies))


def fetch(
    client: Client,
    archive: Archive,
    project: str,
    *,
    mutations: bool = True,
    endpoints: Endpoints = "api",
    limit: int | None = None,
    previous: pd.DataFrame | None = None,
    accept_lost_fields: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Archive everything of a project: index, clinical records, expression, mutations. Open files only.

    Parameters
    ----------
    project : GDC's name, as "TCGA-BRCA"
    mutations : whether the masked somatic mutation files are fetched
    endpoints : "tcga_cdr" also fetches the curated survival of the TCGA Clinical Data Resource (Liu 2018,
        10.1016/j.cell.2018.02.052)
    limit : only this number of patients, the first by barcode, for a quick look
    previous : manifest rows of the previous release: GDC is queried for the files that replaced missing ones, and
        its answers are stored with the index
    accept_lost_fields : leave out clinical fields that GDC no longer has; their values are then missing

    Returns
    -------
    The manifest rows of index pages, clinical pages, answers about replaced files, and files.

    Raises
    ------
    StudyError
        GDC has no such project.
    FieldVanished
        A clinical field is missing under all its names, and this was not accepted.
    UpstreamChanged
        Another field is missing, GDC warns, or the release changed meanwhile.
    DownloadsIncomplete
        Some files could not be fetched, or the curated survival is not the known file; the others are kept.
    """
    listed = listing(
        client,
        archive,
        project,
        mutations=mutations,
        endpoints=endpoints,
        limit=limit,
        previous=previous,
        accept_lost_fields=accept_lost_fields,
    )
    try:
        rows = fetch_listing(client, archive, listed, progress=progress)
    except DownloadsIncomplete as error:
        if not isinstance(error.failures.get(CDR_FILE_ID), ChecksumMismatch):
            raise
        message = (
            f"{error} The survival of the TCGA Clinical Data Resource at GDC is not the known file of "
            f"{CDR_STATED['size_bytes']:,} bytes, md5 {CDR_STATED['md5']}: find out what changed. "
            "With `endpoints: api` the cohort is made without it."
        )
        raise DownloadsIncomplete(message, error.failures) from error
    if (now := release(client)) != listed.release:
        raise UpstreamChanged(
            f"GDC moved from release {listed.release} to {now} during the ingest. Run again: files are kept."
        )
    return rows


def searches(project: str, mutations: bool) -> dict[str, api.Filter]:
    """The searches at /files, by kind: always open files only."""
    of_project, is_open = equals("cases.project.project_id", project), equals("access", "open")
    found = {
        "star": all_of(
            of_project,
            is_open,
            equals("data_type", "Gene Expression Quantification"),
            equals("analysis.workflow_type", "STAR - Counts"),
        )
    }
    if mutations:
        found["maf"] = all_of(of_project, is_open, equals("data_type", "Masked Somatic Mutation"))
    if project in BIOTAB_FILE_IDS:
        found["biotab"] = all_of(is_open, equals("file_id", [BIOTAB_FILE_IDS[project]]))
    elif project.startswith("TCGA-"):
        found["biotab"] = all_of(of_project, is_open, equals("data_format", "BCR Biotab"))
    return found


def biotab_by_name(project: str) -> api.Filter:
    """The search by name for a project's biotab of patients, for the case that no file has the known id."""
    of_project, is_open = equals("cases.project.project_id", project), equals("access", "open")
    return all_of(of_project, is_open, equals("file_name", biotab_name(project)))


def biotab_name(project: str) -> str:
    """The file name of the biotab of a TCGA project's patients."""
    return f"nationwidechildrens.org_clinical_patient_{project.rpartition('-')[2].lower()}.txt"


def is_of_kind(kind: str, project: str, hit: Mapping[str, Any]) -> bool:
    """Whether a hit is a file that is read here: of the biotabs, only that of the patients."""
    return kind != "biotab" or project in BIOTAB_FILE_IDS or hit["file_name"] == biotab_name(project)


def wanted_file(client: Client, kind: str, project: str, hit: Mapping[str, Any]) -> Wanted:
    """A hit of the index as a file to download, verified by the index's size and md5."""
    file_id = str(hit["file_id"])
    url, *others = addresses(client, f"data/{file_id}")
    return Wanted(
        file_id=file_id,
        url=url,
        others=tuple(others),
        path=f"{project}/{kind}/{file_id}.{SUFFIXES[kind]}",
        size_bytes=int(hit["file_size"]),
        md5=str(hit["md5sum"]),
        content="gzip" if kind == "maf" else "text",
    )
