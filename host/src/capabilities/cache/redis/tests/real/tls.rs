//! TLS, with certificates made by `openssl`.

use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::*;

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Process::new("openssl").args(arguments).current_dir(folder).stderr(Stdio::null()).status();
    assert!(done.expect("`openssl` must be on the PATH").success(), "openssl {arguments:?}");
}

/// A certificate authority and a server's certificate for 127.0.0.1.
fn certificates(folder: &Path) {
    let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let ca = ["-x509", "-days", "2", "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(folder, &[&new[..], &ca[..]].concat());
    openssl(folder, &[&new[..], &["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"]].concat());
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(folder, &[&sign[..], &["-days", "2", "-extfile", "names", "-out", "cert.pem"]].concat());
}

#[tokio::test]
async fn a_server_behind_tls_is_used_if_its_certificate_holds() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let port = free_port().to_string();
    let _server = Server::start(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &path("cert.pem"),
        "--tls-key-file",
        &path("key.pem"),
        "--tls-ca-cert-file",
        &path("ca.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let ca = std::fs::read(path("ca.pem")).unwrap();
    let url = format!("rediss://127.0.0.1:{port}");
    let cache = patient(Config { ca: Some(ca), ..config(&url) });
    cache.set("k", "v".into(), LIFE).await.unwrap();
    assert_eq!(cache.get("k").await.unwrap().unwrap(), "v");

    let stranger = patient(config(&url));
    until("the certificate is refused", async || stranger.is_away()).await;
    assert_eq!(stranger.get("k").await.unwrap_err().case(), "unavailable");

    let broken = Redis::open(Config { ca: Some(b"no certificate".to_vec()), ..config(&url) });
    assert!(matches!(broken, Err(OpenError::Certificates)));
}
