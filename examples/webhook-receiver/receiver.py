"""Receives webhooks of Muster: verifies, remembers what came, and answers. Nothing but Python's own modules."""
import base64, hmac, json, os, sqlite3, time
from http.server import BaseHTTPRequestHandler, HTTPServer

key = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
db = sqlite3.connect(os.environ.get("DB", "received.db"))
db.execute("create table if not exists received (id text primary key)")

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        event, at = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "0")
        expected = "v1," + base64.b64encode(hmac.digest(key, f"{event}.{at}.".encode() + body, "sha256")).decode()
        signatures = self.headers.get("webhook-signature", "").split()
        is_timely = at.isdigit() and abs(time.time() - int(at)) <= 300
        is_genuine = is_timely and any([hmac.compare_digest(expected, one) for one in signatures])
        if is_genuine:
            with db:  # What the event is to bring about belongs into this transaction.
                is_new = db.execute("insert or ignore into received values (?)", [event]).rowcount == 1
            print(event, json.loads(body)["event_type"], "new" if is_new else "again", flush=True)
        self.send_response(204 if is_genuine else 401)
        self.end_headers()

HTTPServer(("127.0.0.1", int(os.environ.get("PORT", 9900))), Receiver).serve_forever()
