"""A little MAST on loopback: the part of its protocol that `astroquery.mast.Observations` and the download use.

``/portal/Mashup/Mashup.asmx/columnsconfig`` names the columns that may be searched; ``/api/v0/invoke`` answers the
services Mast.Caom.Filtered and Mast.Caom.Products, first with "EXECUTING" as the real one does when it is busy;
``/api/v0.1/Download/file`` serves bytes, with ``Range`` and ``If-Range``; badly, if told to.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TEXT = ("obs_collection", "instrument_name", "filters", "target_name", "proposal_id", "obs_id", "dataproduct_type")
COLUMNS = {name: {"text": name, "vot.datatype": "char"} for name in (*TEXT, "obsid")} | {
    "t_min": {"text": "t_min", "vot.datatype": "double"}
}


@dataclass
class Mast:
    """What the archive holds, and how badly the network behaves."""

    observations: list = field(default_factory=list)  # of dict
    products: dict = field(default_factory=dict)  # obsid -> list of dict
    files: dict = field(default_factory=dict)  # dataURI -> bytes
    etag: str | None = '"1"'
    busy: int = 1  # answers "EXECUTING" that come before the first result
    break_after: list = field(default_factory=list)  # bytes after which the next downloads are cut off
    ranges: bool = True
    conditions: bool = True  # look at If-Range
    status: int = 200  # of a download
    passing: list = field(default_factory=list)  # statuses of the next downloads, before that
    headers: dict = field(default_factory=dict)  # of every answer about a file
    announce_length: bool = True
    shift: int = 0  # bytes by which a piece starts too late
    endless: int = 0  # zeros that follow the file
    pause: float = 0  # seconds after each piece
    gate: threading.Event | None = None  # what to wait for after the first piece
    piece: int = 2**16  # bytes
    authorizations: list = field(default_factory=list)  # of every GET
    requests: list = field(default_factory=list)  # (method, path, Range header) of every request
    sent: int = 0  # bytes of files

    def add(self, uri, content, obsid="100", **product):
        """File one product under an observation."""
        self.files[uri] = content
        row = {
            "obsID": obsid,
            "obs_collection": "JWST",
            "obs_id": uri.rpartition("/")[2].rpartition("_")[0],
            "dataURI": uri,
            "productType": "SCIENCE",
            "productSubGroupDescription": "UNCAL",
            "productFilename": uri.rpartition("/")[2],
            "size": len(content),
        }
        self.products.setdefault(obsid, []).append(row | product)

    @property
    def downloads(self):
        """The requests for files: (method, path, Range)."""
        return [request for request in self.requests if "/Download/file" in request[1] and request[0] == "GET"]


def serve(mast):
    """Start the server. Returns it; ``server.url`` is its address, ``server.close()`` stops it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"mast": mast}))
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def close():
        server.shutdown()
        thread.join()
        server.server_close()

    server.close = close
    return server


class _Handler(BaseHTTPRequestHandler):
    mast: Mast

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.mast.requests.append(("HEAD", self.path, None))
        content = self.mast.files.get(parse_qs(urlsplit(self.path).query).get("uri", [""])[0])
        self.send_response(200)
        if content is not None:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()

    def do_GET(self):
        self.mast.requests.append(("GET", self.path, self.headers.get("Range")))
        self.mast.authorizations.append(self.headers.get("Authorization"))
        parts = urlsplit(self.path)
        uri = parse_qs(parts.query).get("uri", [""])[0]
        if parts.path != "/api/v0.1/Download/file" or uri not in self.mast.files:
            return self.send_error(404)
        status = self.mast.passing.pop(0) if self.mast.passing else self.mast.status
        if status != 200:
            return self._send_status(status)
        return self._send_file(self.mast.files[uri])

    def do_POST(self):
        self.mast.requests.append(("POST", self.path, None))
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/portal/Mashup/Mashup.asmx/columnsconfig":
            return self._send_json(COLUMNS)
        if self.path != "/api/v0/invoke":
            return self.send_error(404)
        if self.mast.busy:
            self.mast.busy -= 1
            return self._send_json({"status": "EXECUTING", "msg": "", "data": []})
        return self._send_json(self._answer(json.loads(unquote(body.removeprefix("request=")))))

    def _answer(self, request):
        if request["service"] == "Mast.Caom.Filtered":
            wanted = {entry["paramName"]: entry["values"] for entry in request["params"]["filters"]}
            rows = [row for row in self.mast.observations if all(row[name] in wanted[name] for name in wanted)]
        elif request["service"] == "Mast.Caom.Products":
            obsids = request["params"]["obsid"].split(",")
            rows = [row for obsid in obsids for row in self.mast.products.get(obsid, [])]
        else:
            return {"status": "ERROR", "msg": f"no service {request['service']}"}
        names = dict.fromkeys(name for row in rows for name in row)
        kinds = {int: "int", float: "float", str: "string"}
        fields = [{"name": name, "type": kinds[type(rows[0][name])]} for name in names]
        paging = {"page": 1, "pageSize": 50000, "pagesFiltered": 1, "rows": len(rows)}
        return {"status": "COMPLETE", "msg": "", "data": rows, "fields": fields, "paging": paging}

    def _send_json(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_status(self, status):
        self.send_response(status)
        self._send_own_headers()
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_own_headers(self):
        for name, value in self.mast.headers.items():
            self.send_header(name, value)

    def _asked(self):
        """The piece of the file that the answer will hold: where it begins, and where it ends if that was said."""
        asked = self.headers.get("Range")
        other_version = self.mast.conditions and self.headers.get("If-Range", self.mast.etag) != self.mast.etag
        if not asked or not self.mast.ranges or other_version:
            return None, None
        first, last = asked.removeprefix("bytes=").split("-")
        return int(first), int(last) + 1 if last else None

    def _send_file(self, content):
        start, stop = self._asked()
        piece, total = start is not None, len(content)
        start = start + self.mast.shift if start else 0
        if piece and start >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        stop = total if stop is None else min(stop, total)
        self.send_response(206 if piece else 200)
        if piece:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        if self.mast.announce_length:
            self.send_header("Content-Length", str(stop - start))
        if self.mast.etag:
            self.send_header("ETag", self.mast.etag)
        self._send_own_headers()
        self.end_headers()
        if self.mast.break_after:
            stop = min(start + self.mast.break_after.pop(0), stop)
        self.close_connection = True
        return self._send_pieces(content[start:stop])

    def _send_pieces(self, content):
        size = self.mast.piece
        pieces = (content[offset : offset + size] for offset in range(0, len(content), size))
        zeros = (bytes(size) for _ in range(0, self.mast.endless, size))
        for piece in itertools.chain(pieces, zeros):
            try:
                self.wfile.write(piece)
            except ConnectionError:  # they have had enough
                return
            self.mast.sent += len(piece)
            if self.mast.gate is not None:
                self.mast.gate.wait(60)
            if self.mast.pause:
                time.sleep(self.mast.pause)
