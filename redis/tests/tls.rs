//! `rediss://`.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    process::Command,
};

use support::{RedisServer, append, expect_numbers, options};

/// The URL, for a process of its own: the certificates to trust are a matter of its environment.
const URL: &str = "WSIO_TEST_REDISS";

#[tokio::test]
async fn d4_the_engine_is_reached_over_tls_if_its_certificate_is_trusted() {
    if let Ok(url) = env::var(URL) {
        let logs = options(&url).connect().await.unwrap();
        let log = logs.open("a").await.unwrap();
        append(&log, 0).await;
        expect_numbers(&mut log.subscribe_from_oldest(), 0..1).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert"), folder.path().join("key"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (cert_file, key_file) = (cert.display(), key.display());
    let _redis = RedisServer::with(&format!(
        "--tls-port {port} --tls-cert-file {cert_file} --tls-key-file {key_file} \
         --tls-auth-clients no --tls-ca-cert-file {cert_file}"
    ));
    let url = format!("rediss://127.0.0.1:{port}/");
    let trusting = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("d4_the_engine_is_reached_over_tls_if_its_certificate_is_trusted")
        .env(URL, &url)
        .env("SSL_CERT_FILE", &cert)
        .output()
        .unwrap();
    assert!(trusting.status.success(), "{trusting:?}");
    // This process does not trust it.
    let error = options(&url).connect().await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("certificate"), "{cause}");
}
