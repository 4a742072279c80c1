//! Plugins that go wrong: each fault ends its own call, the client learns nothing of the inside, the operator all of it.

use crate::harness::{Answer, Host, says_nothing_of_the_inside};

const CONFIG: &str = r#"
[plugins.faults]
source = "faults.wasm"
grants = { passwords = true }
limits = { memory = "16MiB", deadline = "10s", cpu = "1s" }
"#;

/// Calls the route and checks what holds after every fault: a problem document without internals, a host that lives,
/// and the next request answered.
#[track_caller]
fn fault(host: &mut Host, path: &str, status: u16) -> String {
    let answer: Answer = host.client().get(path);
    let problem = answer.problem(status);
    says_nothing_of_the_inside(&problem);
    assert!(host.is_alive());
    host.client().get("/faults/incoming").expect(200);
    problem["requestId"].as_str().unwrap().to_owned()
}

/// The log's lines of one request.
fn lines_of(host: &Host, id: &str, wanted: &[&str]) -> String {
    host.log.wait_until(&format!("{wanted:?} of request {id}"), |lines| {
        // A backtrace may span lines: what follows the line with the id belongs to it until another line has its own.
        let from = lines.iter().position(|line| line.contains(id))?;
        let text: String = lines[from..].iter().take(60).flat_map(|line| [line.as_str(), "\n"]).collect();
        wanted.iter().all(|wanted| text.contains(wanted)).then_some(text)
    })
}

#[test]
fn a_trap_is_500() {
    let mut host = Host::start(CONFIG);
    let id = fault(&mut host, "/faults/trap", 500);
    lines_of(&host, &id, &["faults", "unreachable"]);
}

#[test]
fn a_panic_is_500_and_the_log_has_message_function_and_request() {
    let mut host = Host::start(CONFIG);
    let id = fault(&mut host, "/faults/panic?say=hello%20operator", 500);
    lines_of(&host, &id, &["hello operator"]);
    lines_of(&host, &id, &["the_function_that_panics"]);
}

#[test]
fn the_clients_text_of_a_panic_does_not_repeat_it() {
    let host = Host::start(CONFIG);
    let problem = host.client().get("/faults/panic?say=topsecret").problem(500);
    assert!(!problem.to_string().contains("topsecret"), "{problem}");
}

#[test]
fn an_endless_loop_ends_at_the_cpu_limit() {
    let mut host = Host::start(CONFIG);
    let id = fault(&mut host, "/faults/spin", 504);
    lines_of(&host, &id, &["faults"]);
}

#[test]
fn endless_loops_do_not_keep_others_waiting() {
    // More loops than the host has threads; the others are served meanwhile.
    let host = Host::start(&CONFIG.replace("cpu = \"1s\"", "cpu = \"2s\""));
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..8)
            .map(|_| {
                let mut client = host.client();
                scope.spawn(move || client.get("/faults/spin").status)
            })
            .collect();
        let mut served = 0_u32;
        while spinning.iter().any(|thread| !thread.is_finished()) {
            host.client().get("/faults/incoming").expect(200);
            served += 1;
        }
        assert!(served > 1, "nobody else was served");
        for thread in spinning {
            assert_eq!(thread.join().unwrap(), 504);
        }
    });
}

#[test]
fn memory_ends_at_the_limit() {
    let mut host = Host::start(CONFIG);
    let id = fault(&mut host, "/faults/allocate", 500);
    lines_of(&host, &id, &["memory"]);
}

#[test]
fn tables_end_at_the_limit() {
    let config = "[plugins.table]\nsource = \"table.wasm\"\nlimits = { table-elements = 5000 }\n";
    let mut host = Host::start(config);
    let answer = host.client().get("/table/grow").expect(200);
    let elements = u32::from_le_bytes(answer.body.try_into().unwrap());
    assert!((4_800..=5_000).contains(&elements), "{elements} elements");
    let problem = host.client().get("/table/insist").problem(500);
    says_nothing_of_the_inside(&problem);
    lines_of(&host, problem["requestId"].as_str().unwrap(), &["table-elements"]);
    assert!(host.is_alive());
    host.client().get("/table/grow").expect(200);
}

#[test]
fn recursion_ends_at_the_stack() {
    let mut host = Host::start(CONFIG);
    let id = fault(&mut host, "/faults/recurse", 500);
    lines_of(&host, &id, &["breaking::deeper"]);
}

#[test]
fn a_guest_that_exits_ends_its_call_only() {
    let mut host = Host::start(CONFIG);
    fault(&mut host, "/faults/exit", 500);
}

#[test]
fn a_wait_in_a_host_call_ends_at_the_deadline() {
    let mut host = Host::start(&CONFIG.replace("10s", "2s"));
    fault(&mut host, "/faults/sleep?ms=3600000", 504);
    fault(&mut host, "/faults/hash?times=100000", 504);
    assert_eq!(host.client().get("/faults/hash").expect(200).text(), "hashed");
    assert_eq!(host.client().get("/faults/sleep?ms=1").expect(200).text(), "slept");
}

#[test]
fn a_flood_of_host_calls_ends_at_the_limit() {
    let mut host = Host::start(CONFIG);
    host.client().get("/faults/calls?times=1000").expect(200);
    let id = fault(&mut host, "/faults/calls", 500);
    lines_of(&host, &id, &["host calls"]);
}

#[test]
fn an_answer_that_is_too_large_is_500() {
    let mut host = Host::start(&CONFIG.replace("limits = {", "limits = { response = \"100KiB\","));
    host.client().get("/faults/large?bytes=102400").expect(200);
    let id = fault(&mut host, "/faults/large?bytes=102401", 500);
    lines_of(&host, &id, &["response"]);
}

#[test]
fn an_answer_that_is_not_http_is_500() {
    let mut host = Host::start(CONFIG);
    for code in [0, 99, 100, 101, 199, 600, 999, 65_535] {
        fault(&mut host, &format!("/faults/status?code={code}"), 500);
    }
    for code in [200, 204, 304, 404, 418, 500, 599] {
        host.client().get(&format!("/faults/status?code={code}")).expect(code);
    }
}

#[test]
fn headers_that_no_header_may_be_do_not_split_the_answer() {
    let mut host = Host::start(CONFIG);
    for (name, value) in [
        ("x-bad", "a%0d%0ax-injected:%20yes"),
        ("x-bad%0d%0ax-injected", "yes"),
        ("", "empty"),
        ("sp%20ace", "v"),
        ("x-nul", "a%00b"),
    ] {
        let answer = host.client().get(&format!("/faults/header?name={name}&value={value}"));
        assert_eq!(answer.header("x-injected"), None, "{answer:?}");
        if answer.status != 200 {
            answer.problem(500);
        }
        assert!(host.is_alive());
    }
}

#[test]
fn headers_that_belong_to_the_host_are_dropped() {
    let host = Host::start(CONFIG);
    let mut client = host.client();
    for (name, value) in [
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("content-type", "x/y"),
        ("date", "never"),
    ] {
        let answer = client.get(&format!("/faults/header?name={name}&value={value}")).expect(200);
        assert_eq!(answer.text(), "one header", "{name}");
        assert!(answer.all(name).all(|found| found != value), "{name}: {answer:?}");
    }
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let host = Host::start(CONFIG);
    host.client().get("/faults/log?lines=2000&width=50").expect(200);
    host.client().get("/faults/panic?say=marker").expect(500);
    host.log.wait_for("marker");
    let kept = host.log.count("flood xxx");
    assert!((1..=100).contains(&kept), "{kept} lines were kept");
    let text = host.log.text();
    assert!(text.contains("dropped"), "nothing says that lines were dropped:\n{text}");
}

#[test]
fn a_flood_of_output_is_cut() {
    let host = Host::start(CONFIG);
    for stream in ["stdout", "stderr"] {
        host.client().get(&format!("/faults/{stream}?lines=1000&width=5000")).expect(200);
    }
    host.client().get("/faults/panic?say=marker").expect(500);
    host.log.wait_for("marker");
    let text = host.log.text();
    assert!(text.contains("pour 0 xxx"), "the output is not in the log");
    assert!(text.len() < 400_000, "{} bytes of log", text.len());
}

#[test]
fn a_guest_sees_nothing_of_the_machine() {
    let host = Host::start(CONFIG);
    let text = host.client().get("/faults/environment").expect(200).text();
    assert_eq!(text, "variables=0 arguments=0 file=false folder=false written=false");
}
