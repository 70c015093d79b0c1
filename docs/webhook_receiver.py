#!/usr/bin/env python3
"""A receiver of Rekindle's alarms that verifies them, as an example. Needs Python 3.8 and nothing else.

    webhook_receiver.py PORT SECRET_FILE OUT        PORT 0: any; the port is printed

Each message that is verified becomes one line of OUT. See docs/alarms.md for the scheme.
"""

import hashlib
import hmac
import http.server
import json
import sys
import time

AGE_MAX_SECONDS = 300


def verify(secret, header, body, now):
    """Why a message is not believed; nothing when it is."""
    try:
        parts = dict(part.split("=", 1) for part in header.split(","))
        signed_at, signature = int(parts["t"]), parts["v1"]
    except (AttributeError, KeyError, ValueError):
        return "it is not signed"
    if abs(now - signed_at) > AGE_MAX_SECONDS:
        return "it is too old"
    expected = hmac.new(secret, str(signed_at).encode() + b"." + body, hashlib.sha256).hexdigest()
    # Compared in constant time, so that nobody can guess it byte by byte.
    return None if hmac.compare_digest(expected, signature) else "the signature is wrong"


def handler(secret, out):
    seen = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            wrong = verify(secret, self.headers.get("Rekindle-Signature"), body, time.time())
            if wrong is None:
                message = json.loads(body)
                # The same message may come twice.
                if message["id"] not in seen:
                    seen.add(message["id"])
                    with open(out, "a") as file:
                        file.write(json.dumps(message) + "\n")
            self.send_response(200 if wrong is None else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


def main():
    port, secret_file, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with open(secret_file, "rb") as file:
        secret = file.read().strip()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(secret, out))
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
