//! `kill -9` in the middle of appends.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Read, Write, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use wsio::sse::SseEvent;
use wsio_events::{DiskStore, EventId, EventLog, EventLogs, Limits};

use crate::support::{TestDir, causes, kept, next};

const PATH: &str = "WSIO_DISK_KILL_PATH";
const ROUND: &str = "WSIO_DISK_KILL_ROUND";
/// How often to kill; 50 by default.
const ROUNDS: &str = "WSIO_DISK_KILLS";

const LOGS: [&str; 2] = ["one", "two"];
const TASKS: usize = 4;

fn limits() -> Limits {
    // Some trimming is part of it.
    Limits::new().events(3000)
}

/// The events of one log that were acknowledged, in the order of their ids.
type Acknowledged = Vec<(EventId, String)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_what_was_acknowledged_survives_a_kill_at_any_time() {
    let rounds = env::var(ROUNDS).map_or(50, |rounds| rounds.parse().unwrap());
    let dir = TestDir::new();
    let mut acknowledged: HashMap<&str, Acknowledged> = HashMap::new();
    let mut total = 0;
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let mut child = start_child(&dir.store(), round);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        wait_for(&mut output, "appending");
        if round == 0 {
            let refused = DiskStore::open(dir.store(), limits()).unwrap_err();
            assert!(causes(&refused).contains("in use"), "{}", causes(&refused));
        }
        // Pseudorandom, from 0 to 40 ms.
        let pause = (round * 7919 + 13) % 41;
        thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut lines = String::new();
        output.read_to_string(&mut lines).unwrap();
        let new = acknowledgements(&lines);
        total += new.len();
        for (log, id, data) in new {
            acknowledged.entry(log).or_default().push((id, data));
        }
        let opening = Instant::now();
        let store = DiskStore::open(dir.store(), limits()).unwrap();
        slowest = slowest.max(opening.elapsed());
        let logs = EventLogs::with_store(store);
        for name in LOGS {
            let log = logs.open(name).await.unwrap();
            let acknowledged = acknowledged.entry(name).or_default();
            check(&log, acknowledged, round).await;
        }
    }
    println!(
        "{rounds} kills in {:?}, {total} events acknowledged, opened again in at most {slowest:?}",
        start.elapsed()
    );
    assert!(total > rounds as usize, "{total} events in {rounds} rounds");
}

/// Checks that the log holds what was acknowledged, once and in order, and goes on.
async fn check(log: &EventLog, acknowledged: &mut Acknowledged, round: u64) {
    acknowledged.sort_unstable();
    // Fails if an event does not follow the one before.
    let kept = kept(log).await;
    assert!(kept.len() <= 3000);
    assert!(kept.is_sorted(), "round {round}");
    let mut data: Vec<_> = kept.iter().map(|(_, data)| data).collect();
    data.sort_unstable();
    data.dedup();
    assert_eq!(
        data.len(),
        kept.len(),
        "round {round}: an event is there twice"
    );
    let Some((oldest, _)) = kept.first() else {
        assert!(acknowledged.is_empty());
        return;
    };
    let is_trimmed = kept.len() == 3000;
    acknowledged.retain(|(id, _)| !is_trimmed || id >= oldest);
    let mut next_kept = kept.iter();
    for event in &*acknowledged {
        let is_there = next_kept.any(|kept| kept == event);
        assert!(
            is_there,
            "round {round}: {event:?} was acknowledged, and is not there"
        );
    }
    // A client that has seen the last one resumes, whatever was not acknowledged.
    if let Some((last, _)) = acknowledged.last() {
        let mut client = log.subscribe(Some(&last.to_string()));
        let end = format!("end {round}");
        let id = log.append_once(&end, SseEvent::new(&*end)).await.unwrap();
        loop {
            let event = next(&mut client).await.unwrap();
            if event.expect("no lag").id == Some(id.to_string()) {
                break;
            }
        }
    }
}

fn start_child(path: &Path, round: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::child_appends_until_it_is_killed",
            "--nocapture",
        ])
        .env(PATH, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for(output: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "the child has ended"
        );
    }
}

/// Reads the lines `LOG ID DATA`. The last one may be incomplete.
fn acknowledgements(lines: &str) -> Vec<(&'static str, EventId, String)> {
    let complete = lines.rfind('\n').map_or("", |end| &lines[..end]);
    let parsed = complete.lines().map(|line| {
        let mut words = line.splitn(3, ' ');
        let log = words.next().unwrap();
        let log = LOGS.iter().find(|name| **name == log).unwrap();
        let id = words.next().unwrap().parse().unwrap();
        (*log, id, words.next().unwrap().to_owned())
    });
    parsed.collect()
}

/// What the other process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_appends_until_it_is_killed() {
    let (Some(path), Ok(round)) = (env::var_os(PATH), env::var(ROUND)) else {
        return;
    };
    let logs = EventLogs::with_store(DiskStore::open(path, limits()).unwrap());
    let mut tasks = Vec::new();
    for name in LOGS {
        let log = logs.open(name).await.unwrap();
        for task in 0..TASKS {
            tasks.push(tokio::spawn(append_for_ever(
                log.clone(),
                format!("{round} {name} {task}"),
            )));
        }
    }
    println!("appending");
    for task in tasks {
        task.await.unwrap();
    }
}

async fn append_for_ever(log: EventLog, writer: String) {
    let name = log.name().unwrap().to_string();
    for number in 0_u64.. {
        let data = format!(
            "{writer} {number} {}",
            "x".repeat((number * 37 % 2000) as usize)
        );
        let key = format!("{writer} {number}");
        let id = match number % 3 {
            0 => log.append_once(&key, SseEvent::new(&*data)).await,
            _ => log.append(SseEvent::new(&*data)).await,
        };
        // In one piece.
        let line = format!("{name} {} {data}\n", id.unwrap());
        stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}
