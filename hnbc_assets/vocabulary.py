"""The words that study, tables and code share: each set of values once.

In scope: values that occur in more than one part of the package. Out of scope: upstreams' own spellings
(science/cohorts/clinical_words), values of one table or one setting alone.

A word is a string: in files, tables and messages it is written as it is.
"""

from __future__ import annotations

from enum import EnumType, StrEnum

MISSING = "missing"  # what a study writes for a value that means nothing is known


class Words(EnumType):
    """A set of words: a string is in it if it is one of them, as in Python from 3.12 on."""

    def __contains__(cls, value: object) -> bool:
        return value in cls._value2member_map_


class Word(StrEnum, metaclass=Words):
    """Base of all sets of words; one is shown as its string."""

    __repr__ = str.__repr__


class Role(Word):
    """What a study uses a cohort for."""

    DISCOVERY = "discovery"
    TRAINING = "training"
    VALIDATION = "validation"
    DESCRIPTIVE = "descriptive"


class Endpoint(Word):
    """Overall, disease-specific, progression-free and distant-relapse-free survival."""

    OS = "os"
    DSS = "dss"
    PFI = "pfi"
    DRFS = "drfs"


class Scale(Word):
    """The scale of expression values; rank_normal is made here, no source has it."""

    LOG2_TPM = "log2_tpm"
    LOG2_CPM = "log2_cpm"
    LOG2_INTENSITY = "log2_intensity"
    ZSCORE = "zscore"
    PROBE_SCALED = "probe_scaled"
    RANK_NORMAL = "rank_normal"


LOG2_SCALES = (Scale.LOG2_TPM, Scale.LOG2_CPM, Scale.LOG2_INTENSITY)  # genes of one patient can be compared
SOURCE_SCALED = (Scale.ZSCORE, Scale.PROBE_SCALED)  # each gene scaled by the source
GENE_WISE_SCALES = (*SOURCE_SCALED, Scale.RANK_NORMAL)  # each gene standardised over the patients


class Receptor(Word):
    """The status of a hormone receptor."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    INDETERMINATE = "indeterminate"


class Her2Test(Word):
    """The result of a HER2 test, or the ASCO/CAP reading of both."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    EQUIVOCAL = "equivocal"
    INDETERMINATE = "indeterminate"


class Her2Score(Word):
    """The score of HER2 immunohistochemistry."""

    ZERO = "0"
    ONE = "1+"
    TWO = "2+"
    THREE = "3+"


class Her2Status(Word):
    """HER2 by the study's rule."""

    NEGATIVE = "negative"
    POSITIVE = "positive"
    INDETERMINATE = "indeterminate"
    DISCORDANT = "discordant"


class Response(Word):
    """Pathological complete response to neoadjuvant chemotherapy, or residual disease."""

    PCR = "pCR"
    RD = "RD"


class Event(Word):
    """Whether follow-up ended with the endpoint's event."""

    EVENT = "event"
    CENSORED = "censored"


class Values(Word):
    """Whether an upstream's expression values are linear or logarithms."""

    LINEAR = "linear"
    LOG2 = "log2"


class Contrast(Word):
    """How residual disease is compared with complete response: alone, or with oestrogen receptor as covariate."""

    PLAIN = "plain"
    ER_ADJUSTED = "er_adjusted"


class Direction(Word):
    """The group in which a gene is higher."""

    UP_IN_RD = "up_in_rd"
    UP_IN_PCR = "up_in_pcr"


class RiskGroup(Word):
    """The side of the training median on which a score is."""

    HIGH = "high"
    LOW = "low"


class Form(Word):
    """The form of a score: of z-scores within a cohort, or of the ranks within each patient."""

    WITHIN_COHORT = "within_cohort"
    SINGLE_SAMPLE = "single_sample"


class Penalty(Word):
    """The penalty of the LASSO: of the least deviance, or the largest within one standard error of it."""

    MIN = "min"
    ONE_SE = "1se"


class Assay(Word):
    """How the expression of the cell lines was measured."""

    RMA = "rma"
    RNASEQ_TPM = "rnaseq_tpm"


class Homogenise(Word):
    """How cell lines and patients are brought to one scale."""

    STANDARDISE = "standardise"
    RANK = "rank"


class Promotion(Word):
    """When a refit replaces the published signature."""

    AUTOMATIC = "automatic"
    APPROVAL = "approval"
    NEVER = "never"


class Executor(Word):
    """How the steps of a run are executed."""

    IN_PROCESS = "in_process"
    MULTIPROCESS = "multiprocess"
