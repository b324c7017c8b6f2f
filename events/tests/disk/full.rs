//! A disk that is full.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use tokio::time::sleep;
use wsio::sse::SseEvent;
use wsio_events::{EventId, EventLog, EventLogs, Limits};

use crate::support::{TestDir, append, causes, kept, next_data, open};

/// A small file system, if this process may mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(path)
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(path)),
            other => {
                println!("not tested: a file system cannot be mounted here: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_full_disk_refuses_events_and_loses_none() {
    let dir = TestDir::new();
    let Some(_disk) = SmallDisk::mount(dir.path()) else {
        return;
    };
    let filler = dir.path().join("filler");
    let logs = open(&dir, Limits::new().bytes(1 << 30));
    let log = logs.open("job").await.unwrap();
    let mut watching = log.subscribe(None);
    let mut expected = Vec::new();
    let mut uncertain = HashSet::new();
    for round in 0..5 {
        // Room for some more.
        let used = fs::metadata(dir.file()).unwrap().len();
        let free = 200_000 * (round + 1);
        fs::write(
            &filler,
            vec![0; ((8 << 20) - used.min(7 << 20) - free) as usize],
        )
        .ok();
        let mut refused = 0;
        while refused < 3 {
            let data = format!("{round} {} {}", expected.len(), "x".repeat(10_000));
            let start = Instant::now();
            match log.append(SseEvent::new(&*data)).await {
                Ok(_) => expected.push(data),
                Err(error) => {
                    refused += 1;
                    let causes = causes(&error);
                    assert!(causes.contains("the disk is full"), "{causes}");
                    assert!(start.elapsed() < Duration::from_secs(5));
                    if error.is_uncertain() {
                        uncertain.insert(data);
                    }
                }
            }
        }
        fs::remove_file(&filler).unwrap();
        if round == 2 {
            // The disk stays what it is, and becomes larger.
            remount(dir.path(), "10m");
        }
        let data = format!("room again {round}");
        resume(&log, &data).await;
        expected.push(data);
    }
    assert!(expected.len() > 20, "{}", expected.len());
    println!(
        "{} acknowledged, {} uncertain",
        expected.len(),
        uncertain.len()
    );
    let mut certain = expected.iter();
    while certain.len() > 0 {
        let data = next_data(&mut watching).await;
        if !uncertain.contains(&data) {
            assert!(Some(&data) == certain.next(), "{}", &data[..10]);
        }
    }
    let without_uncertain = |kept: Vec<(EventId, String)>| {
        let texts = kept.into_iter().map(|(_, data)| data);
        texts
            .filter(|it| !uncertain.contains(it))
            .collect::<Vec<_>>()
    };
    assert!(without_uncertain(kept(&log).await) == expected);
    drop((watching, log, logs));

    let logs: EventLogs = open(&dir, Limits::new().bytes(1 << 30));
    let log = logs.open("job").await.unwrap();
    assert!(without_uncertain(kept(&log).await) == expected);
    remount(dir.path(), "64m");
    append(&log, "after a restart").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_an_append_is_uncertain_while_nobody_can_look() {
    let dir = TestDir::new();
    let Some(_disk) = SmallDisk::mount(dir.path()) else {
        return;
    };
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let mut watching = log.subscribe(None);
    append(&log, "one").await;
    // The disk is full, and the file is not found when the store looks what has become of it.
    let filler = dir.path().join("filler");
    fs::write(&filler, vec![0; 8 << 20]).unwrap_err();
    let away = dir.path().join("away");
    fs::rename(dir.file(), &away).unwrap();
    let large = "x".repeat(500_000);
    let error = log.append_once("two", SseEvent::new(&*large)).await;
    let error = error.unwrap_err();
    assert!(error.is_uncertain(), "{}", causes(&error));
    let error = log.append_once("two", SseEvent::new(&*large)).await;
    let error = error.unwrap_err();
    assert!(!error.is_uncertain(), "{}", causes(&error));
    assert!(!dir.file().exists(), "no new file in place of the old");

    fs::rename(&away, dir.file()).unwrap();
    fs::remove_file(&filler).unwrap();
    resume(&log, "two").await;
    assert_eq!(next_data(&mut watching).await, "one");
    let two = next_data(&mut watching).await;
    assert!(two == "two" || two == large, "once, whichever it is");
    assert_eq!(kept(&log).await.len(), 2);
}

/// Appends an event under a key, as whoever cannot know does.
async fn resume(log: &EventLog, data: &str) {
    let start = Instant::now();
    while let Err(error) = log.append_once(data, SseEvent::new(data)).await {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{}",
            causes(&error)
        );
        sleep(Duration::from_millis(20)).await;
    }
}

fn remount(path: &Path, size: &str) {
    let options = ["-o", &format!("remount,size={size}")];
    let output = Command::new("mount").args(options).arg(path).output();
    assert!(output.unwrap().status.success());
}
