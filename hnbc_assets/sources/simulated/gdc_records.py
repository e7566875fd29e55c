"""The simulated GDC's records: cases and files of one project at one release, nested as the API returns them.

In scope: the records of cases and files. Out of scope: which of them a release has (gdc_releases), queries
(gdc_api), bodies (gdc_samples, gdc_files).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from hnbc_assets.sources.simulated.bodies import Bodies
from hnbc_assets.sources.simulated.gdc_files import biotab, maf, survival_workbook
from hnbc_assets.sources.simulated.gdc_releases import CASE_WITHOUT_DEMOGRAPHIC, RELEASES, Holdings, holdings
from hnbc_assets.sources.simulated.gdc_samples import SAMPLE_TYPES, StarFiles
from hnbc_assets.sources.simulated.names import stable_uuid
from hnbc_assets.sources.simulated.simulation import FIRST_RELEASE
from hnbc_assets.sources.simulated.world import World

Record = dict[str, Any]

PROJECT = "TCGA-BRCA"
BIOTAB_ID = "8162d394-8b64-4da2-9f5b-d164c54b9608"
SURVIVAL_ID = "1b5f413e-a8d1-4d10-92eb-7c4ae739ed81"
RUN = {1: " run", 2: " second run"}
CREATED = "2021-12-13T20:53:42.329364-06:00"
FIRST_RELEASED = ("32.0", "2022-03-29")  # when the files of the first simulated release were published


class Release:
    """Cases and files of a release, and the bodies of the files that are open.

    `superseded` maps the id of a file that has a new version to the id of that version; `earlier` are the old files'
    records. Bodies are shared by all releases of a simulation: files that a release did not change are not rendered
    again.
    """

    def __init__(self, world: World, bodies: Bodies, name: str = FIRST_RELEASE) -> None:
        content = holdings(world, name)
        self.name, self.label, self.updated, self.sex_field = name, content.label, content.updated, content.sex_field
        self.records = content.records
        self.cases: dict[str, Record] = {}
        self.files: dict[str, Record] = {}
        self.earlier: dict[str, Record] = {}
        self.superseded: dict[str, str] = {}
        self._bodies, self._body_names = bodies, dict[str, str]()
        for row in self.records.itertuples():
            case = self._case(row)
            self.cases[case["id"]] = case
        self._add_expression(world, content)
        for barcode, patient in self.records["patient"].items():
            if has_mutations(patient):
                since = FIRST_RELEASE if patient < world.simulation.n_tcga else name
                self._add_mutations(world, str(barcode), int(patient), since)
        self._add_project_files()

    def finished(self, file_id: str) -> Record:
        """A file's record with its size and checksum."""
        record = self.files[file_id] if file_id in self.files else self.earlier[file_id]
        if record["access"] != "open":
            return record | {"file_size": 1_000_000, "md5sum": "0" * 32}
        size, md5 = self._bodies.facts(self._body_names[file_id])
        return record | {"file_size": size, "md5sum": md5}

    def body(self, file_id: str) -> bytes:
        """The bytes of an open file, including a superseded one."""
        return self._bodies.get(self._body_names[file_id])

    # -- cases ------------------------------------------------------------------------------------------------------
    def _case(self, row: Any) -> Record:
        barcode = row.Index
        name = partial(_part_id, barcode)
        days = None if pd.isna(row.os_days) else int(row.os_days)
        progressed = bool(row.pfi_event)
        status = "Not Reported" if days is None else "Dead" if row.dead else "Alive"
        demographic = {
            "demographic_id": name("demographic"), "submitter_id": f"{barcode}_demographic", "vital_status": status,
            "days_to_death": days if row.dead else None, "age_at_index": int(row.age_years), self.sex_field: row.sex,
            "race": "not reported", "ethnicity": "not reported", "state": "released",
        }  # fmt: skip
        diagnosis = {
            "diagnosis_id": name("diagnosis"), "submitter_id": f"{barcode}_diagnosis",
            "diagnosis_is_primary_disease": True,
            "classification_of_tumor": "primary", "primary_diagnosis": "Infiltrating duct carcinoma, NOS",
            "days_to_last_follow_up": None if row.dead else days, "age_at_diagnosis": int(row.age_years * 365.25) + 100,
            "ajcc_pathologic_stage": row.stage, "ajcc_pathologic_t": row.t, "ajcc_pathologic_n": row.n,
            "ajcc_pathologic_m": row.m, "state": "released",
            "treatments": [{
                "treatment_id": name("treatment"), "submitter_id": f"{barcode}_treatment",
                "treatment_type": row.treatment, "treatment_or_therapy": "yes", "therapeutic_agents": None,
                "days_to_treatment_start": None,
            }],
            "pathology_details": [{"pathology_detail_id": name("pathology"), "lymph_nodes_positive": None}],
        }  # fmt: skip
        diagnoses = [diagnosis]
        if row.patient % 40 == 7:  # a later, second tumour, which must not be used instead of the first
            diagnoses.append(diagnosis | {
                "diagnosis_id": name("second"), "diagnosis_is_primary_disease": False,
                "classification_of_tumor": "metastasis",
                "days_to_last_follow_up": None, "ajcc_pathologic_stage": "Stage IV",
            })  # fmt: skip
        case = {
            "id": stable_uuid(barcode), "case_id": stable_uuid(barcode), "submitter_id": barcode,
            "primary_site": "Breast",
            "disease_type": "Ductal and Lobular Neoplasms", "state": "released", "updated_datetime": self.updated,
            "created_datetime": CREATED, "project": {"project_id": PROJECT}, "demographic": demographic,
            "tissue_source_site": {"code": barcode[5:7], "name": f"Simulated site {barcode[5:7]}"},
            "diagnoses": diagnoses, "follow_ups": self._follow_ups(row, days, progressed),
            "samples": [{
                "sample_id": stable_uuid(f"{barcode}-01A"), "submitter_id": f"{barcode}-01A",
                "sample_type": "Primary Tumor",
                "tissue_type": "Tumor",
            }],
        }  # fmt: skip
        if row.patient == CASE_WITHOUT_DEMOGRAPHIC:
            del case["demographic"]
        return case

    def _follow_ups(self, row: Any, days: int | None, progressed: bool) -> list[Record]:
        name = partial(_part_id, row.Index)
        last = {
            "follow_up_id": name("follow-up"), "submitter_id": f"{row.Index}_follow_up", "days_to_follow_up": days,
            "days_to_progression": None, "days_to_recurrence": None,
            "progression_or_recurrence": None if days is None else "No",
            "molecular_tests": self._tests(row),
        }  # fmt: skip
        if not progressed:
            return [last]
        when = int(row.pfi_days)
        recurred = row.patient % 3 == 0
        found = last | {
            "follow_up_id": name("progression"), "submitter_id": f"{row.Index}_follow_up_2", "days_to_follow_up": when,
            "days_to_progression": None if recurred else when, "days_to_recurrence": when if recurred else None,
            "progression_or_recurrence": "Yes", "molecular_tests": [],
        }  # fmt: skip
        return [last, found]

    def _tests(self, row: Any) -> list[Record]:
        tests = [("ESR1", "IHC", row.er, None), ("PGR", "IHC", row.pr, None), ("ERBB2", "IHC", row.her2_word,
        row.her2_score),
                 ("ERBB2", "FISH", row.her2_fish, None)]  # fmt: skip
        return [
            {
                "molecular_test_id": _part_id(row.Index, f"{symbol} {method}"), "gene_symbol": symbol,
                "molecular_analysis_method": method, "test_result": result, "staining_intensity_value": score,
            }
            for symbol, method, result, score in tests if result is not None or score is not None
        ]  # fmt: skip

    # -- files ------------------------------------------------------------------------------------------------------
    def _add_expression(self, world: World, content: Holdings) -> None:
        stars = StarFiles(world)
        kind = {"data_category": "Transcriptome Profiling", "experimental_strategy": "RNA-Seq", "data_format": "TSV"}
        workflow = {"workflow_type": "STAR - Counts"}
        for row in content.aliquots.itertuples():
            for version in (1, 2) if row.aliquot in content.superseded else (1,):
                name = f"{stable_uuid(row.aliquot + RUN[version])}.rna_seq.augmented_star_gene_counts.tsv"
                render = partial(stars.body, row.aliquot, row.patient, row.kind, version)
                self._add(star_key(row.aliquot, version), name, render, aliquot=row.aliquot, code=row.code,
                          type="gene_expression", data_type="Gene Expression Quantification", analysis=workflow,
                          since=row.since if version == 1 else self.name, version=str(version), **kind)  # fmt: skip
            if row.aliquot in content.superseded:
                old, new = (stable_uuid(star_key(row.aliquot, version)) for version in (1, 2))
                self.superseded[old], self.earlier[old] = new, self.files.pop(old)
            junctions = f"{stable_uuid(row.aliquot + ' run')}.rna_seq.star_splice_junctions.tsv.gz"
            self._add(f"{row.aliquot} junctions", junctions, None, aliquot=row.aliquot, code=row.code,
            access="controlled", since=row.since,
                      type="gene_expression", data_type="Splice Junction Quantification", analysis=workflow,
                      **kind)  # fmt: skip

    def _add_mutations(self, world: World, barcode: str, patient: int, since: str) -> None:
        self._add(
            maf_key(barcode), f"{stable_uuid(barcode + ' maf run')}.wxs.aliquot_ensemble_masked.maf.gz",
            partial(maf, world, patient, barcode), aliquot=f"{barcode}-01A-11D-Z100-09", code="01",
            since=since, type="masked_somatic_mutation", data_type="Masked Somatic Mutation",
            data_category="Simple Nucleotide Variation",
            data_format="MAF", experimental_strategy="WXS",
            analysis={"workflow_type": "Aliquot Ensemble Somatic Variant Merging and Masking"},
        )  # fmt: skip

    def _add_project_files(self) -> None:
        everyone = [
            {"case_id": case["case_id"], "submitter_id": case["submitter_id"], "project": {"project_id": PROJECT}}
            for case in self.cases.values()
        ]
        clinical = {"data_category": "Clinical", "type": "clinical_supplement", "cases": everyone,
                    "updated_datetime": self.updated}  # fmt: skip
        self._add("biotab", "nationwidechildrens.org_clinical_patient_brca.txt", partial(biotab, self.records),
                  file_id=BIOTAB_ID, data_type="Clinical Supplement", data_format="BCR Biotab", **clinical)  # fmt: skip
        self._add("survival", "TCGA-CDR-SupplementalTableS1.xlsx", partial(survival_workbook, self.records),
                  file_id=SURVIVAL_ID, data_type="Clinical Supplement", data_format="XLSX", **clinical)  # fmt: skip

    def _add(
        self, key: str, name: str, render: Callable[[], bytes] | None, *, file_id: str | None = None,
        aliquot: str | None = None, code: str = "", access: str = "open", since: str = FIRST_RELEASE, **described: Any,
    ) -> None:  # fmt: skip
        """Add a file that was published with the release `since`. A file with a fixed id belongs to each release: its
        bytes differ between releases."""
        self._body_names[file_id or stable_uuid(key)] = f"{file_id} {self.name}" if file_id else stable_uuid(key)
        file_id = file_id or stable_uuid(key)
        first = since == FIRST_RELEASE
        record: Record = {
            "id": file_id, "file_id": file_id, "file_name": name, "submitter_id": stable_uuid(f"{key} submitted"),
            "access": access, "acl": ["open"] if access == "open" else ["phs000178"], "state": "released",
            "version": "1",
            "data_release": f"{FIRST_RELEASED[0] if first else since} - {self.name}",
            "created_datetime": CREATED if first else self.updated, "updated_datetime": RELEASES[since][1],
            **described,
        }  # fmt: skip
        if aliquot:
            barcode = aliquot[:12]
            record["cases"] = [{
                "case_id": stable_uuid(barcode), "submitter_id": barcode, "project": {"project_id": PROJECT},
                "samples": [{
                    "sample_id": stable_uuid(aliquot[:16]), "submitter_id": aliquot[:16],
                    "sample_type": SAMPLE_TYPES[code],
                    "tissue_type": "Normal" if code == "11" else "Tumor",
                }],
            }]  # fmt: skip
            record["associated_entities"] = [{
                "entity_submitter_id": aliquot, "entity_id": stable_uuid(aliquot), "case_id": stable_uuid(barcode),
                "entity_type": "aliquot",
            }]  # fmt: skip
        self.files[file_id] = record
        if render is not None:
            self._bodies.add(self._body_names[file_id], render)


def has_mutations(patient: int) -> bool:
    """Whether a patient (by number) has a mutation file: most have."""
    return patient % 50 != 49


def star_key(aliquot: str, version: int = 1) -> str:
    """The name from which the id of an aliquot's expression file is made."""
    return f"{aliquot} star" if version == 1 else f"{aliquot} star {version}"


def maf_key(barcode: str) -> str:
    """The name from which the id of a patient's mutation file is made."""
    return f"{barcode} maf"


def _part_id(barcode: str, part: str) -> str:
    return stable_uuid(f"{barcode} {part}")
