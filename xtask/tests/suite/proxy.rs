//! The proxy for faults, in front of a server that answers with what it gets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use xtask::services::proxy::Proxy;

/// As long as a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);
/// As long as a test looks for something that must not come.
const MOMENT: Duration = Duration::from_millis(100);

/// A server that sends back whatever it reads. It ends with the test program.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || {
                let mut reader = client.try_clone().unwrap();
                // A connection that the proxy cuts ends with an error.
                let _ = std::io::copy(&mut reader, &mut client);
            });
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a text and reads it back.
fn call(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    stream.write_all(text)?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, text);
    Ok(())
}

#[test]
fn what_is_sent_arrives_and_comes_back() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    call(&mut stream, b"hello").unwrap();
    // More than fits into all buffers on the way.
    let sent: Vec<u8> = (0..4_000_000u32).map(|number| (number % 251) as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let copy = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        // The end of one direction goes through too.
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
}

#[test]
fn answers_come_later_by_the_delay() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    call(&mut stream, b"quick").unwrap();
    proxy.delay(Duration::from_millis(60));
    let started = Instant::now();
    call(&mut stream, b"slow").unwrap();
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[test]
fn a_delay_holds_each_answer_up_and_not_those_behind_it() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    let delay = Duration::from_secs(2);
    proxy.delay(delay);
    let started = Instant::now();
    // Ten pieces, each sent when the proxy has passed on the one before.
    for piece in 0..10u8 {
        stream.write_all(&[piece]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    stream.read_exact(&mut [0; 10]).unwrap();
    // One after another they would take ten times the delay.
    assert!(started.elapsed() >= delay);
    assert!(started.elapsed() < delay * 8, "{:?}", started.elapsed());
}

#[test]
fn a_silence_holds_back_and_loses_nothing() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    call(&mut stream, b"before").unwrap();
    proxy.silence();
    stream.write_all(b"within").unwrap();
    let mut answer = [0; 6];
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let error = stream.read_exact(&mut answer).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "the connection stays open: {error}");
    // A new one is made, and as silent.
    let mut another = connect(&proxy);
    another.write_all(b"second").unwrap();
    proxy.heal();
    for stream in [&mut stream, &mut another] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_exact(&mut answer).unwrap();
    }
    assert_eq!(&answer, b"second");
}

#[test]
fn a_cut_ends_every_connection_until_it_is_healed() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    call(&mut stream, b"before").unwrap();
    proxy.cut();
    assert!(call(&mut stream, b"gone").is_err());
    assert!(call(&mut connect(&proxy), b"gone too").is_err());
    proxy.heal();
    call(&mut connect(&proxy), b"again").unwrap();
    assert!(call(&mut stream, b"still gone").is_err());
}

#[test]
fn a_cut_ends_a_silence_too() {
    let proxy = Proxy::to(echo()).unwrap();
    let mut stream = connect(&proxy);
    call(&mut stream, b"before").unwrap();
    proxy.silence();
    stream.write_all(b"held").unwrap();
    proxy.cut();
    assert!(stream.read_exact(&mut [0; 4]).is_err());
}

#[test]
fn nothing_is_there_once_the_proxy_is_dropped() {
    let proxy = Proxy::to(echo()).unwrap();
    let address = proxy.address();
    let mut stream = connect(&proxy);
    call(&mut stream, b"before").unwrap();
    drop(proxy);
    assert!(call(&mut stream, b"gone").is_err());
    let started = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(started.elapsed() < PATIENCE, "somebody still listens on {address}");
        std::thread::yield_now();
    }
}

#[test]
fn a_proxy_without_a_target_closes_what_connects() {
    let proxy = Proxy::new().unwrap();
    assert!(call(&mut connect(&proxy), b"anyone?").is_err());
    proxy.forward(echo());
    call(&mut connect(&proxy), b"somebody").unwrap();
}
