"""The simulated upstream as an HTTP transport: every host of a study, answered inside the process.

In scope: which part answers which host and path. Out of scope: the answers.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qs

import httpx

from hnbc_assets.sources.simulated import gdsc_files, gene_set_files
from hnbc_assets.sources.simulated.answers import Answer, blob, gone, not_found
from hnbc_assets.sources.simulated.bodies import Bodies
from hnbc_assets.sources.simulated.cbioportal_files import CbioportalFiles
from hnbc_assets.sources.simulated.cbioportal_hub import HOSTS as HUB_HOSTS
from hnbc_assets.sources.simulated.cbioportal_hub import CbioportalHub, in_repository
from hnbc_assets.sources.simulated.gdc_api import GdcApi
from hnbc_assets.sources.simulated.gdc_records import Release
from hnbc_assets.sources.simulated.geo_files import PLATFORM, UPDATED, GeoFiles
from hnbc_assets.sources.simulated.simulation import FIRST_RELEASE, Simulation
from hnbc_assets.sources.simulated.world import draw

GDC = "api.gdc.cancer.gov"
GEO_HOST = "ftp.ncbi.nlm.nih.gov"  # its gateway refuses HEAD and ignores Range
GEO_FTP = f"{GEO_HOST}/geo"
GEO_PROBE = "www.ncbi.nlm.nih.gov/geo/query/acc.cgi"
RETIRED = "www.cancerrxgene.org"
MSIGDB = "data.broadinstitute.org/gsea-msigdb/msigdb/release/2023.2.Hs"
MARKERS = "raw.githubusercontent.com/ebecht/MCPcounter/6b85a671cfa8385798cea6147b6613a172e47ff5/Signatures/genes.txt"
LATEST_MARKERS = "raw.githubusercontent.com/ebecht/MCPcounter/master/Signatures/genes.txt"
OWN_HOST = "simulated.invalid"
LONGEST_ADDRESS = 8000  # of a request to GDC, in characters
_building = threading.RLock()


class Upstream:
    """All simulated hosts of one simulation, at every release; data of a host are drawn on its first request."""

    def __init__(self, simulation: Simulation) -> None:
        self.world = draw(simulation)
        self.bodies = Bodies()
        self._gdc: dict[str, GdcApi] = {}
        self._geo = GeoFiles(self.world)
        matrices = {
            f"{GEO_FTP}/series/{series[:-3]}nnn/{series}/matrix/{series}_series_matrix.txt.gz": partial(
                self._geo.series_matrix, series
            )
            for series in UPDATED
        }
        renderers: dict[str, Any] = {
            **matrices,
            f"{GEO_FTP}/platforms/GPLnnn/{PLATFORM}/annot/{PLATFORM}.annot.gz": self._geo.annotation,
            **gdsc_files.renderers(self.world),
            f"{MSIGDB}/h.all.v2023.2.Hs.symbols.gmt": partial(gene_set_files.hallmark, self.world),
            f"{MSIGDB}/c5.go.bp.v2023.2.Hs.symbols.gmt": partial(gene_set_files.go_biological_process, self.world),
            MARKERS: partial(gene_set_files.markers, self.world),
            LATEST_MARKERS: partial(gene_set_files.markers, self.world),
            f"{OWN_HOST}/cell_types.gmt": partial(gene_set_files.cell_types, self.world),
            f"{OWN_HOST}/purity.gmt": partial(gene_set_files.purity, self.world),
        }
        for path, render in renderers.items():
            self.bodies.add(path, render)
        self._hub: CbioportalHub | None = None

    def answer(
        self, host: str, path: str, query: dict[str, Any], headers: dict[str, str], release: str = FIRST_RELEASE
    ) -> Answer:
        """The answer of `https://host/path`, with GDC at one of its releases."""
        if host == GDC:
            return self.gdc(release).answer(path, query, headers)
        if host == RETIRED:
            return gone()
        place = f"{host}/{path.strip('/')}"
        if place == GEO_PROBE:
            record = self._geo.accession(str(query.get("acc")))
            return Answer(200, {"Content-Type": "text/plain"}, record) if record else not_found()
        if host in HUB_HOSTS or in_repository(host, path):
            return self.hub().answer(host, path, query, headers)
        if place not in self.bodies:
            return not_found()
        return blob(self.bodies.get(place), {} if host == GEO_HOST else headers)

    def gdc(self, release: str) -> GdcApi:
        """The API of GDC at a release."""
        with _building:
            if release not in self._gdc:
                self._gdc[release] = GdcApi(release, partial(Release, self.world, self.bodies, release))
            return self._gdc[release]

    def hub(self) -> CbioportalHub:
        """cBioPortal's hub."""
        with _building:
            if self._hub is None:
                self._hub = CbioportalHub(CbioportalFiles(self.world), self.bodies)
            return self._hub


class SimulatedTransport(httpx.BaseTransport):
    """Passes httpx's requests to an Upstream, at one release."""

    def __init__(self, upstream: Upstream, release: str = FIRST_RELEASE) -> None:
        self.upstream, self.release = upstream, release

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        query: dict[str, Any] = dict(request.url.params)
        content = request.read()
        if content:
            query |= _body(content, request.headers.get("content-type", ""))
        headers = {key.lower(): value for key, value in request.headers.items()}
        if request.method == "HEAD" and request.url.host == GEO_HOST:
            return httpx.Response(403, request=request)
        if request.url.host == GDC and len(str(request.url)) > LONGEST_ADDRESS:
            return httpx.Response(414, request=request)
        answer = self.upstream.answer(request.url.host, request.url.path, query, headers, self.release)
        body = b"" if request.method == "HEAD" else answer.body
        sent = answer.headers | {"Content-Length": str(len(answer.body))}
        return httpx.Response(answer.status, headers=sent, stream=httpx.ByteStream(body), request=request)


def transport(simulation: Simulation | None = None) -> httpx.BaseTransport:
    """A transport that answers `https://HOST/PATH` for every host of the study, from a simulation.

    Transports of equal simulations share one upstream in the process, whatever their release: what was drawn and
    rendered are not made again.
    """
    simulation = simulation or Simulation()
    return SimulatedTransport(_upstream(replace(simulation, release=FIRST_RELEASE)), simulation.release)


@lru_cache(maxsize=2)
def _upstream(simulation: Simulation) -> Upstream:
    return Upstream(simulation)


def _body(content: bytes, kind: str) -> dict[str, Any]:
    """The parameters in a body: a JSON object, or a form."""
    if "x-www-form-urlencoded" in kind:
        return {key: values if len(values) > 1 else values[0] for key, values in parse_qs(content.decode()).items()}
    try:
        value = json.loads(content)
    except ValueError:
        return {"filters": "unreadable"}
    return value if isinstance(value, dict) else {"filters": "unreadable"}
