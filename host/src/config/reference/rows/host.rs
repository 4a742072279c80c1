//! Keys of the host's own tables.

use super::super::Absent::{Required, Value, Words};
use super::super::Kind::{
    Address, Choice, Duration, Flag, List, Number, Path, Secret, Size, Tables, Text, TextOrTable,
};
use super::super::Row;
use super::{DAY, GIB, HOUR, KIB, MIB, MINUTE, SECOND, TIB, row};

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
];
