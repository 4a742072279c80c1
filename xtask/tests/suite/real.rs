//! Private servers: started, broken and mended. They need the programs that `cargo xtask services up` fetches.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use xtask::services::proxy::Proxy;
use xtask::services::{Kind, Server, kafka, mongodb, redis};

/// As long as something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends Redis one command and returns the first line of its answer.
fn redis(server: &redis::Server, command: &str, patience: Duration) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    Ok(String::from_utf8(line).unwrap().trim().to_owned())
}

/// What holds for a server of every kind.
fn lives_through_everything<K: Kind>(mut server: Server<K>) {
    let (port, first) = (server.port(), server.pid().unwrap());

    server.kill().unwrap();
    assert_eq!(server.pid(), None);
    assert!(TcpStream::connect(server.address()).is_err());
    assert!(server.freeze().unwrap_err().to_string().contains("is stopped"));

    // With the same data, on the same port, and it answers.
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    let second = server.pid().unwrap();
    assert_ne!(second, first);

    // One that stands still can be stopped too.
    server.freeze().unwrap();
    server.thaw().unwrap();
    server.wait().unwrap();
    server.freeze().unwrap();
    server.restart().unwrap();
    assert_ne!(server.pid().unwrap(), second);

    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn redis_comes_back_with_what_it_had_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = redis::Server::start(folder.path()).unwrap();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    assert_eq!(redis(&server, "SET kept 41", PATIENCE).unwrap(), "+OK");
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(redis(&server, "INCR kept", PATIENCE).unwrap(), ":42");
    server.freeze().unwrap();
    assert!(redis(&server, "PING", Duration::from_millis(100)).is_err());
    server.thaw().unwrap();
    assert_eq!(redis(&server, "PING", PATIENCE).unwrap(), "+PONG");
    lives_through_everything(server);
}

#[test]
fn redis_takes_further_arguments_and_says_why_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = redis::Server::start_with(folder.path(), &["--maxmemory-policy", "allkeys-lru"]).unwrap();
    assert!(redis(&server, "INFO memory", PATIENCE).unwrap().starts_with('$'));
    drop(server);
    let error = redis::Server::start_with(folder.path(), &["--no-such-setting", "1"]).unwrap_err().to_string();
    assert!(error.contains("Redis ended with exit status"), "{error}");
    assert!(error.contains("no-such-setting") && error.contains("server.log"), "{error}");
}

#[test]
fn mongodb_is_a_primary_again_after_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let server = mongodb::Server::start(folder.path()).unwrap();
    assert_eq!(server.url(), format!("mongodb://127.0.0.1:{}/devconnect", server.port()));
    assert_eq!(server.url_through(1), "mongodb://127.0.0.1:1/devconnect?directConnection=true");
    lives_through_everything(server);
    // The folder is of another port now, and the replica set follows.
    let server = mongodb::Server::start(folder.path()).unwrap();
    lives_through_everything(server);
}

#[test]
fn kafka_comes_back_under_the_same_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = kafka::Server::start(folder.path()).unwrap();
    assert_eq!(server.brokers(), format!("127.0.0.1:{}", server.port()));
    lives_through_everything(server);
}

#[test]
fn kafka_leads_clients_of_its_proxy_through_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::new().unwrap();
    let server = kafka::Server::start_behind(folder.path(), &proxy).unwrap();
    // `Metadata` in version 4 of no topic.
    let request = [0, 0, 0, 15, 0, 3, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0];
    let told = |port: u16| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&request).unwrap();
        // Length, correlation, throttle, count, node, host, port.
        let mut answer = [0; 4 + 4 + 4 + 4 + 4 + (2 + 9) + 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[22..31], *b"127.0.0.1");
        u32::from_be_bytes(answer[31..35].try_into().unwrap())
    };
    assert_eq!(told(server.port()), u32::from(server.port()));
    assert_eq!(told(proxy.port()), u32::from(proxy.port()));
}
