//! The examples do what they say: each is run as its own program runs it.
#![allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "what only their programs need, and what several of them have"
)]

#[path = "../../examples/chat.rs"]
mod chat;
#[path = "../../examples/export.rs"]
mod export;
#[path = "../../examples/job_progress.rs"]
mod job_progress;
#[path = "../../examples/token_stream.rs"]
mod token_stream;
#[path = "../../examples/upload.rs"]
mod upload;

use std::{env, process::Command, time::Duration};

use tokio::time::timeout;

use crate::support::{LONG, choose_cryptography};

#[tokio::test]
async fn r5_token_stream_gives_tokens_as_they_come() {
    let pace = Duration::from_millis(20);
    let run = token_stream::run(token_stream::Options { pace });
    let summary = timeout(LONG, run).await.unwrap().unwrap();
    let [http, broken_http, websocket, broken_websocket] = &summary.answers[..] else {
        panic!("{:?}", summary.answers);
    };
    assert_eq!(http.text, websocket.text);
    for broken in [broken_http, broken_websocket] {
        assert!(broken.trouble.is_some(), "{broken:?}");
    }
    for answer in &summary.answers {
        // There is a pause before each: they cannot have come together.
        let pauses = u32::try_from(answer.tokens - 1).unwrap();
        assert!(answer.tokens > 5, "{answer:?}");
        assert!(
            answer.last - answer.first >= pace * pauses / 2,
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn r1_job_progress_loses_and_repeats_no_step() {
    choose_cryptography();
    let options = job_progress::Options {
        steps: 100,
        pace: Duration::from_millis(1),
    };
    let run = job_progress::run(options);
    let summary = timeout(LONG, run).await.unwrap().unwrap();
    for watched in [&summary.in_parts, &summary.afterwards] {
        assert!(watched.steps.iter().copied().eq(1..=100));
    }
    // The first client's, and two of the second one's.
    assert_eq!(summary.in_parts.connections, 3);
    assert_eq!(summary.afterwards.connections, 1);
}

#[tokio::test]
async fn r4_chat_tells_everybody_the_same() {
    let pace = Duration::from_millis(2);
    let run = chat::run(chat::Options { pace });
    let summary = timeout(LONG, run).await.unwrap().unwrap();
    // Lines that were said meanwhile count once (R8).
    assert!(summary.pulled > 0);
    assert_eq!(summary.heard.len(), 4);
    for heard in &summary.heard {
        assert_eq!(heard.len(), 8);
        assert_eq!(heard, &summary.heard[0]);
    }
}

#[tokio::test]
async fn f3_export_takes_constant_memory_and_loses_no_row() {
    if !alone("examples::f3_export_takes_constant_memory_and_loses_no_row") {
        return;
    }
    let run = export::run(export::Options::default());
    let summary = timeout(LONG * 4, run).await.unwrap().unwrap();
    for export in &summary.exports {
        assert_eq!(export.rows, 1_000_000);
        assert_eq!(export.connections, 2);
    }
}

#[tokio::test]
async fn f3_upload_takes_constant_memory() {
    if !alone("examples::f3_upload_takes_constant_memory") {
        return;
    }
    let run = upload::run(upload::Options { bytes: 64 << 20 });
    let summary = timeout(LONG, run).await.unwrap().unwrap();
    assert_eq!(summary.bytes, 64 << 20);
}

/// Whether this process runs `test` and nothing else. If not, it has been run by one that does,
/// since the memory of a process is that of all tests in it.
fn alone(test: &str) -> bool {
    const VARIABLE: &str = "WSIO_TEST_ALONE";
    if env::var(VARIABLE).is_ok_and(|it| it == test) {
        return true;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(VARIABLE, test)
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(output.status.success(), "{stdout}{stderr}");
    // A name that is none passes, too.
    assert!(stdout.contains("1 passed"), "{stdout}{stderr}");
    false
}
