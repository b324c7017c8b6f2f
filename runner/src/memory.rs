//! The memory of the browser's pages, as the operating system counts it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::{fs, process};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::SinkExt;
use http::StatusCode;
use wsio_axum::WsUpgrade;

/// `/memory`: sends a text with the bytes in use by the renderers of the browser that the tests
/// run in, closes. Where there is no Linux's `/proc`, or the browser is not a descendant of this
/// process, it answers with 501.
pub(crate) fn route() -> Router {
    Router::new().route("/memory", get(answer))
}

async fn answer(upgrade: WsUpgrade) -> Response {
    let Some(bytes) = renderers() else {
        return StatusCode::NOT_IMPLEMENTED.into_response();
    };
    upgrade.on_upgrade(move |meta, mut stream| async move {
        // Who asked and went away misses nothing.
        let _ = stream.send(bytes.to_string().into()).await;
        meta.close().await;
    })
}

/// The resident memory of all renderers below this process, in bytes; `None` if there are none.
fn renderers() -> Option<u64> {
    let processes: HashMap<u32, Process> = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| Process::read(entry.ok()?.path()))
        .map(|process| (process.id, process))
        .collect();
    let renderers = processes
        .values()
        .filter(|it| it.is_below(process::id(), &processes) && it.is_renderer());
    renderers.map(Process::resident).reduce(|a, b| a + b)
}

struct Process {
    folder: PathBuf,
    id: u32,
    parent: u32,
    resident: u64,
}

impl Process {
    /// Reads `/proc/<id>/status`; returns `None` also for a process that has just ended.
    fn read(folder: PathBuf) -> Option<Self> {
        let id = folder.file_name()?.to_str()?.parse().ok()?;
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            id,
            parent: u32::try_from(field("PPid:")?).ok()?,
            resident: field("VmRSS:")? * 1024,
            folder,
        })
    }

    fn is_below(&self, ancestor: u32, processes: &HashMap<u32, Self>) -> bool {
        let mut parent = self.parent;
        while let Some(process) = processes.get(&parent) {
            if process.id == ancestor {
                return true;
            }
            parent = process.parent;
        }
        false
    }

    fn is_renderer(&self) -> bool {
        let arguments = fs::read(self.folder.join("cmdline")).unwrap_or_default();
        let mut arguments = arguments.split(|byte| *byte == 0 || *byte == b' ');
        arguments.any(|argument| argument == b"--type=renderer")
    }

    fn resident(&self) -> u64 {
        self.resident
    }
}
