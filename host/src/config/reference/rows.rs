//! The rows themselves.

use super::{Absent, Kind, Row};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn row(key: &'static str, kind: Kind, default: Absent, meaning: &'static str) -> Row {
    Row { key, kind, default, meaning }
}

use Absent::{Required, Value, Words};
use Kind::{Address, Any, Choice, Duration, Flag, List, Number, Path, Secret, Size, Tables, Text, TextOrTable};

pub(super) const ROWS: &[Row] = &[
    // [server]
    row(
        "server.listen",
        Address,
        Value("\"127.0.0.1:3000\""),
        "Where the host listens. Port 0 takes a free one; the log says which.",
    ),
    row(
        "server.environment",
        Choice(&["development", "production"]),
        Value("\"development\""),
        "`production` makes cookies secure and refuses to start without a token secret.",
    ),
    row(
        "server.origins",
        List,
        Value("[]"),
        "Web origins whose pages may call with credentials, as `https://app.example.com`. The host's own always may.",
    ),
    row(
        "server.body-limit",
        Size(KIB, GIB),
        Value("\"1MiB\""),
        "Largest request body; a larger one is answered 413 before a plugin sees it.",
    ),
    row(
        "server.trusted-proxies",
        List,
        Value("[]"),
        "Networks (`10.0.0.0/8`, `::1`) whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
    ),
    row(
        "server.shutdown-grace",
        Duration(0, HOUR),
        Value("\"10s\""),
        "How long requests in flight may go on after SIGTERM.",
    ),
    row(
        "server.header-timeout",
        Duration(100, HOUR),
        Value("\"10s\""),
        "How long a client may take to send a request's head.",
    ),
    row(
        "server.read-timeout",
        Duration(100, HOUR),
        Value("\"30s\""),
        "How long a client may take to send a whole request body.",
    ),
    row("server.idle-timeout", Duration(100, HOUR), Value("\"75s\""), "How long a kept-alive connection may be idle."),
    row("server.max-headers", Number(8, 10_000), Value("100"), "Most headers of one request; more are answered 431."),
    row(
        "server.max-header-bytes",
        Size(8 * KIB, MIB),
        Value("\"16KiB\""),
        "Largest head of one request; a larger one is answered 431.",
    ),
    row(
        "server.max-connections",
        Number(1, 1_000_000),
        Value("10000"),
        "Most connections at a time; further ones wait in the kernel's queue.",
    ),
    row(
        "server.access-log",
        Choice(&["off", "errors", "sampled", "all"]),
        Value("\"errors\""),
        "Which requests are logged: none, those answered 500 and above, those and one of a hundred others, or every one (about 5 µs each).",
    ),
    row(
        "server.metrics-listen",
        Address,
        Words("off"),
        "A second address that serves the Prometheus page at `/metrics`. It asks for no password: keep it private.",
    ),
    row("server.workers", Number(1, 1_024), Words("one for each core"), "Threads that serve requests."),
    // [runtime]
    row(
        "runtime.max-instances",
        Number(1, 100_000),
        Value("1024"),
        "Instances of all plugins together. Sizes the pool at start: a change needs a restart.",
    ),
    row(
        "runtime.max-memory",
        Size(MIB, 4 * GIB),
        Value("\"256MiB\""),
        "The most that any plugin's `limits.memory` may be. Sizes the pool at start: a change needs a restart.",
    ),
    row(
        "runtime.compile-timeout",
        Duration(SECOND, HOUR),
        Value("\"60s\""),
        "How long compiling one plugin may take; Python and JavaScript need 10 s.",
    ),
    row(
        "runtime.compile-memory",
        Size(128 * MIB, TIB),
        Value("\"2GiB\""),
        "How much memory compiling one plugin may take.",
    ),
    row(
        "runtime.cache",
        Path,
        Words("`compiled` in `stores.data`"),
        "Folder of compiled plugins. It may be deleted at any time; it must belong to the host alone.",
    ),
    // [stores]
    row(
        "stores.data",
        Path,
        Value("\"data\""),
        "Folder of the embedded stores and of the outbox. One host at a time may use it.",
    ),
    row(
        "stores.cache-size",
        Size(MIB, TIB),
        Value("\"64MiB\""),
        "Memory of the embedded cache; above it the least useful entries go.",
    ),
    row(
        "stores.event-retention",
        Duration(MINUTE, 3_650 * DAY),
        Value("\"7d\""),
        "How long the embedded log keeps events.",
    ),
    row(
        "stores.event-retention-size",
        Size(MIB, TIB),
        Value("\"1GiB\""),
        "How much of each partition the embedded log keeps.",
    ),
    row("stores.redis", TextOrTable, Words("embedded cache"), "URL of Redis, in place of the embedded cache."),
    row("stores.redis.url", Secret, Required, "The same in a table, where it may be a secret."),
    row("stores.redis.ca", Path, Words("public ones"), "Authorities (PEM) that the server's certificate comes from."),
    row(
        "stores.kafka",
        TextOrTable,
        Words("embedded log"),
        "Kafka's brokers (`host:port`, several with commas), in place of the embedded log.",
    ),
    row("stores.kafka.brokers", Text, Required, "The same in a table."),
    row("stores.kafka.tls", Flag, Value("false"), "Whether the brokers are spoken to by TLS. Their names are checked."),
    row("stores.kafka.ca", Path, Words("the system's"), "Authorities (PEM) that the brokers' certificates come from."),
    row("stores.kafka.certificate", Path, Words("none"), "This host's certificate (PEM), where brokers ask for one."),
    row("stores.kafka.key", Path, Words("none"), "The key of the certificate (PEM, without a pass phrase)."),
    row("stores.kafka.username", Text, Words("none"), "Who this host is to the brokers (SASL)."),
    row("stores.kafka.password", Secret, Words("none"), "The user's password."),
    row(
        "stores.kafka.mechanism",
        Choice(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
        Value("\"SCRAM-SHA-512\""),
        "How the password is proved. `PLAIN` sends it: only with `tls`.",
    ),
    row("stores.kafka.client-id", Text, Value("\"devconnect-app\""), "The name that the brokers see."),
    row(
        "stores.kafka.group-id",
        Text,
        Value("\"devconnect-group\""),
        "A plugin's consumer group is `<group-id>.<plugin>`.",
    ),
    row(
        "stores.kafka.group-protocol",
        Choice(&["classic", "consumer"]),
        Value("\"classic\""),
        "How the hosts of a group agree on who reads what: `consumer` lets the brokers decide (KIP-848), quicker, from 4.0 on.",
    ),
    row(
        "stores.mongodb",
        TextOrTable,
        Words("embedded documents"),
        "URL of MongoDB with the database, in place of the embedded documents.",
    ),
    row("stores.mongodb.url", Secret, Required, "The same in a table, where it may be a secret."),
    row(
        "stores.near-cache.patterns",
        List,
        Value("[]"),
        "Keys whose values this host keeps in memory while Redis promises to tell of changes; `*` only at the end.",
    ),
    row("stores.near-cache.size", Size(MIB, TIB), Value("\"64MiB\""), "Memory of the near cache."),
    // [sockets]
    row("sockets.socket-io", Text, Value("\"/socket.io/\""), "Path of Socket.IO."),
    row("sockets.websocket", Text, Value("\"/ws\""), "Path of the plain WebSocket."),
    row("sockets.ping-interval", Duration(SECOND, HOUR), Value("\"25s\""), "Time between two pings."),
    row(
        "sockets.ping-timeout",
        Duration(SECOND, HOUR),
        Value("\"20s\""),
        "How long a pong may take before the socket counts as lost.",
    ),
    row("sockets.max-payload", Size(KIB, 64 * MIB), Value("\"1MB\""), "Largest message of a client."),
    row(
        "sockets.queue",
        Size(KIB, 64 * MIB),
        Value("\"256KiB\""),
        "What may wait for one slow client before it is closed.",
    ),
    row("sockets.anonymous", Flag, Value("false"), "May a socket without identity connect?"),
    // [tokens]
    row(
        "tokens.secret",
        Secret,
        Words("`JWT_SECRET`; in development a random one at each start"),
        "Key of signed tokens, at least 16 bytes in production. Who has it can sign in as anyone.",
    ),
    row(
        "tokens.kid",
        Text,
        Words("made from the secret"),
        "Name of the key in the tokens that it signs; 1 to 64 letters, digits, `-`, `_`, `.`.",
    ),
    row(
        "tokens.previous",
        Tables,
        Words("none"),
        "Keys that sign no more but still verify, for the time that their tokens live.",
    ),
    row("tokens.previous[].kid", Text, Words("made from the secret"), "The name that the key had."),
    row("tokens.previous[].secret", Secret, Required, "The key."),
    // [[static]]
    row("static[].mount", Text, Required, "Path under which the folder's files appear. Routes of plugins come first."),
    row("static[].dir", Path, Required, "The folder."),
    // [plugins.<name>]
    row(
        "plugins.<name>.source",
        Text,
        Required,
        "The component: a path, or an `https://` address together with `sha256`.",
    ),
    row(
        "plugins.<name>.sha256",
        Text,
        Words("not checked"),
        "Digest that the component must have, 64 hexadecimal digits.",
    ),
    row(
        "plugins.<name>.filters",
        List,
        Value("[]"),
        "Plugins that are asked before this one's routes that are not public, in this order.",
    ),
    row(
        "plugins.<name>.mount",
        Text,
        Words("the component says"),
        "For a plain wasi:http component: path prefix of its routes.",
    ),
    row(
        "plugins.<name>.routes",
        List,
        Value("[]"),
        "For a plain wasi:http component: routes below `mount`, as `GET /user/{id}` or `/files/{*rest}`; none stands for all.",
    ),
    row(
        "plugins.<name>.access",
        Text,
        Words("required with `mount`"),
        "For a plain wasi:http component: who may call it: `public`, `optional`, `session` or `role:<name>`.",
    ),
    row(
        "plugins.<name>.smoke",
        Text,
        Words("none"),
        "A path that a new version must answer below 400 before it serves.",
    ),
    row("plugins.<name>.settings.<key>", Any, Words("none"), "Plain settings, which the plugin reads by name."),
    row("plugins.<name>.secrets.<key>", Secret, Words("none"), "Secrets, which the plugin reads by name."),
    row(
        "plugins.<name>.schedules.<key>",
        Text,
        Words("the plugin's own"),
        "When a schedule of the plugin runs, in UTC, in place of what the plugin says: `minute hour day month weekday`, or `off`.",
    ),
    // [plugins.<name>.grants]
    row(
        "plugins.<name>.grants.cache",
        List,
        Value("[]"),
        "Keys of the cache, `*` at the end stands for any rest: `\"session:*\"`.",
    ),
    row("plugins.<name>.grants.documents", List, Value("[]"), "Collections of documents; `*` at the end is allowed."),
    row(
        "plugins.<name>.grants.publish",
        List,
        Value("[]"),
        "Topics that it may publish to; `*` at the end is allowed.",
    ),
    row("plugins.<name>.grants.consume", List, Value("[]"), "Topics that it may consume; `*` at the end is allowed."),
    row("plugins.<name>.grants.realtime", List, Value("[]"), "Socket namespaces that it may send to: `\"/\"`."),
    row(
        "plugins.<name>.grants.http",
        List,
        Value("[]"),
        "Hosts that it may call, as `host` (ports 443 and 80) or `host:port`. A name that leads to a private address is refused.",
    ),
    row(
        "plugins.<name>.grants.http-private",
        Flag,
        Value("false"),
        "The names in `http` may lead to private addresses; `localhost` and addresses written out always may.",
    ),
    row("plugins.<name>.grants.tokens", Flag, Value("false"), "Sign and verify tokens."),
    row("plugins.<name>.grants.passwords", Flag, Value("false"), "Hash and verify passwords."),
    row("plugins.<name>.grants.metrics", Flag, Value("false"), "Counters and distributions of its own."),
    // [plugins.<name>.limits]
    row(
        "plugins.<name>.limits.memory",
        Size(64 * KIB, 4 * GIB),
        Value("\"32MiB\""),
        "Linear memory of one instance; the default is never more than `runtime.max-memory`.",
    ),
    row(
        "plugins.<name>.limits.table-elements",
        Number(1, 1_000_000),
        Value("20000"),
        "Elements of all tables of one instance; Go and JavaScript need 8,000.",
    ),
    row(
        "plugins.<name>.limits.handles",
        Number(1, 1_000_000),
        Value("1000"),
        "Handles (cursors, streams) that one call may hold.",
    ),
    row(
        "plugins.<name>.limits.deadline",
        Duration(1, HOUR),
        Value("\"5s\""),
        "Time that one call may take, waits for stores included, the queue not. For streams it ends with the response's head.",
    ),
    row(
        "plugins.<name>.limits.batch",
        Number(1, 10_000),
        Value("256"),
        "Events that the plugin is given at once, of one partition. Such a call has the other limits of as many calls.",
    ),
    row(
        "plugins.<name>.limits.batch-deadline",
        Duration(1, HOUR),
        Value("\"30s\""),
        "Time that a call with events, or of a schedule, may take.",
    ),
    row(
        "plugins.<name>.limits.cpu",
        Duration(10, HOUR),
        Value("\"1s\""),
        "Time that one call may compute, in steps of 10 ms; the default is never more than `deadline`.",
    ),
    row(
        "plugins.<name>.limits.instances",
        Number(1, 100_000),
        Value("64"),
        "Calls at a time, each in an instance of its own; the default is never more than `runtime.max-instances`.",
    ),
    row(
        "plugins.<name>.limits.queue",
        Number(0, 1_000_000),
        Value("256"),
        "Calls that may wait for an instance; further ones are answered 503.",
    ),
    row(
        "plugins.<name>.limits.queue-wait",
        Duration(0, HOUR),
        Value("\"1s\""),
        "How long a call may wait for an instance before it is answered 503.",
    ),
    row(
        "plugins.<name>.limits.reuse",
        Number(1, 1_000_000_000),
        Value("1000"),
        "Calls that one instance serves before it is replaced. 1 gives each call a fresh one: no memory is shared between users, and a call takes about 20 µs more.",
    ),
    row(
        "plugins.<name>.limits.response",
        Size(KIB, GIB),
        Value("\"8MiB\""),
        "Largest response body; a larger one is answered 500.",
    ),
    row(
        "plugins.<name>.limits.log-bytes",
        Size(0, GIB),
        Value("\"64KiB\""),
        "Log text of one call, stdout and stderr included; what is over is dropped and counted.",
    ),
    row("plugins.<name>.limits.log-lines", Number(0, 1_000_000), Value("100"), "Log lines of one call."),
    row(
        "plugins.<name>.limits.log-rate",
        Number(0, 1_000_000),
        Value("1000"),
        "Log lines of the plugin in one second.",
    ),
    row(
        "plugins.<name>.limits.host-calls",
        Number(1, 1_000_000_000),
        Value("10000"),
        "Calls of the host by one call of the plugin.",
    ),
    row(
        "plugins.<name>.limits.stream-idle",
        Duration(100, DAY),
        Value("\"30s\""),
        "How long a streamed response may pause, and the answer of another host.",
    ),
    row(
        "plugins.<name>.limits.retained",
        Size(64 * KIB, 4 * GIB),
        Value("\"16MiB\""),
        "Memory of the host that one call may hold: answers of stores, open cursors, buffers. Also the largest body to or from another host.",
    ),
    row(
        "plugins.<name>.limits.publish-rate",
        Number(0, 10_000_000),
        Value("1000"),
        "Events that the plugin may publish in one second.",
    ),
];
