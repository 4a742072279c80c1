//! Keys of `[plugins.<name>]`.

use super::super::Absent::{Required, Value, Words};
use super::super::Kind::{Any, Duration, Flag, List, Number, Secret, Size, Text};
use super::super::Row;
use super::{DAY, GIB, HOUR, KIB, row};

pub(super) const ROWS: &[Row] = &[
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
