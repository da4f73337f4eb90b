"""A SPARQL endpoint on this machine, over a store of pyoxigraph."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pyoxigraph as ox

JSON = "application/sparql-results+json"


@contextmanager
def endpoint(path=None, *, answer=None, most=None, form=ox.QueryResultsFormat.JSON):
    """Serve a file of N-Triples, or any answers.

    Args:
        path: the file.
        answer: ``answer(query, number)`` returns (status, media type, body, headers) in place of the store's answer, or
            ``None``; ``number`` counts the requests from 0.
        most: largest number of rows of an answer, as public endpoints have; the others are cut without a word.
        form: format of the results.

    Yields:
        ``url`` of the endpoint, and the ``queries`` that it got so far.
    """
    store = ox.Store()
    if path is not None:
        store.load(path=str(path), format=ox.RdfFormat.N_TRIPLES)
    queries, requests = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(parse_qs(urlsplit(self.path).query))

        def do_POST(self):
            self.reply(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

        def reply(self, fields):
            query = fields["query"][0]
            queries.append(query)
            requests.append(self)
            given = None if answer is None else answer(query, len(queries) - 1)
            self.send(*(given or self.results(query)))

        def results(self, query):
            try:
                found = store.query(query)
            except SyntaxError as error:
                return 400, "text/plain", str(error).encode(), {}
            if most is not None:
                text = found.serialize(format=ox.QueryResultsFormat.TSV).decode().splitlines()[: most + 1]
                return 200, "text/tab-separated-values", "\n".join([*text, ""]).encode(), {}
            return 200, form.media_type, found.serialize(format=form), {}

        def send(self, status, kind, body, headers):
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/sparql"
        yield SimpleNamespace(url=url, queries=queries, requests=requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
