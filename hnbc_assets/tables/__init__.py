"""Tables: what is published, one documented schema per table, one file per stage.

In scope: names, types, units and meaning of columns. Out of scope: how a table is filled or stored.
"""

from __future__ import annotations

from hnbc_assets.tables.changes import (
    AcceptedReleases,
    ArchivedRiskScores,
    ArchivedSignatures,
    PerformanceChanges,
    Publications,
    ReleaseChanges,
    ReleaseReports,
    RiskChanges,
    SignatureChallengers,
    SignatureChanges,
)
from hnbc_assets.tables.cohorts import (
    ClinicalValues,
    Cohorts,
    GeneMappings,
    IncludedPatients,
    Patients,
    Samples,
    SharedPatients,
)
from hnbc_assets.tables.database import CheckResults, ColumnDictionary, Lineage, Manifest, RawFiles, Truth
from hnbc_assets.tables.drugs import CellLines, DrugAssociations, DrugModels, DrugSensitivity, ScreenedDrugs
from hnbc_assets.tables.genes import (
    AnoikisGenes,
    CandidateEnrichment,
    CandidateGenes,
    CandidateOverlap,
    DrugResistanceGenes,
)
from hnbc_assets.tables.methods.lasso_cox import LassoCoefficients, LassoPath
from hnbc_assets.tables.microenvironment import Confounders, ImmuneAssociations, ImmuneInfiltration, ImmuneMethodUse
from hnbc_assets.tables.schema import Column, Table, column
from hnbc_assets.tables.signature import (
    MultivariableCox,
    PrognosticPerformance,
    ProportionalHazards,
    PublishedDescription,
    RiskScores,
    ScoreCoverage,
    Signature,
    SignatureDescription,
    Signatures,
    SingleSampleSignature,
    SurvivalCurves,
    UnivariateCox,
)

__all__ = [
    "AcceptedReleases",
    "AnoikisGenes",
    "ArchivedRiskScores",
    "ArchivedSignatures",
    "CandidateEnrichment",
    "CandidateGenes",
    "CandidateOverlap",
    "CellLines",
    "CheckResults",
    "ClinicalValues",
    "Cohorts",
    "Column",
    "ColumnDictionary",
    "Confounders",
    "DrugAssociations",
    "DrugModels",
    "DrugResistanceGenes",
    "DrugSensitivity",
    "GeneMappings",
    "ImmuneAssociations",
    "ImmuneInfiltration",
    "ImmuneMethodUse",
    "IncludedPatients",
    "LassoCoefficients",
    "LassoPath",
    "Lineage",
    "Manifest",
    "MultivariableCox",
    "Patients",
    "PerformanceChanges",
    "PrognosticPerformance",
    "ProportionalHazards",
    "Publications",
    "PublishedDescription",
    "RawFiles",
    "ReleaseChanges",
    "ReleaseReports",
    "RiskChanges",
    "RiskScores",
    "Samples",
    "ScoreCoverage",
    "ScreenedDrugs",
    "SharedPatients",
    "Signature",
    "SignatureChallengers",
    "SignatureChanges",
    "SignatureDescription",
    "Signatures",
    "SingleSampleSignature",
    "SurvivalCurves",
    "Table",
    "Truth",
    "UnivariateCox",
    "column",
]
