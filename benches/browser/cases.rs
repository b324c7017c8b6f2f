//! What is compared.

use wsio_bench::report::{Better, Goal, Unit};

/// A comparison.
pub(crate) struct Case {
    pub(crate) title: String,
    /// The route and query, for so many bytes in all and in one message.
    pub(crate) route: fn(usize, usize) -> String,
    /// Of a message or a write, in bytes.
    pub(crate) size: usize,
    pub(crate) figure: Figure,
    /// Ours first.
    pub(crate) contenders: Vec<Contender>,
    pub(crate) goals: Vec<Goal>,
}

/// How a time becomes a figure.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    /// Bytes in a second.
    Throughput,
    /// Seconds for each.
    Each,
}

/// Somebody who can do a task.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    /// In the report.
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    /// In its language.
    pub(crate) contender: &'static str,
    pub(crate) task: &'static str,
    /// How many messages or writes it is given: enough to be measured, and not too many for one
    /// that is slow.
    pub(crate) count: usize,
}

const OURS: &str = "wsio";
const BYTES: &str = "wsio, through WsIo";
const SCRIPT: &str = "JavaScript";
const BOUNDED: &str = "JavaScript, bounded";
const UNMERGED: &str = "JavaScript, not merged";
const THEIRS: &str = "ws_stream_wasm";

const PLAIN: &str = "WebSocket";
/// The browser's sockets.
const SOCKETS: [&str; 2] = [PLAIN, "WebSocketStream"];

/// Messages of a size, and how many of them are sent.
const SIZES: [(&str, usize, usize); 3] = [
    ("1 KiB", 1 << 10, 5_000),
    ("64 KiB", 64 << 10, 320),
    ("1 MiB", 1 << 20, 24),
];

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for make in [downloads, uploads, round_trips, small] {
        for socket in SOCKETS {
            cases.extend(make(socket));
        }
    }
    cases
}

fn downloads(socket: &'static str) -> Vec<Case> {
    let case = |(text, size, count)| {
        let of = |name, task| contender(name, socket, task, count);
        Case {
            title: format!("{socket}, download, messages of {text}"),
            route: |bytes, size| format!("flood?bytes={bytes}&chunk={size}"),
            size,
            figure: Figure::Throughput,
            contenders: with_theirs(
                socket,
                vec![
                    of(OURS, "download"),
                    of(SCRIPT, "download"),
                    of(BYTES, "download-bytes"),
                ],
                of(THEIRS, "download"),
            ),
            goals: vec![Goal::ratio(SCRIPT, 0.9)],
        }
    };
    SIZES.map(case).into()
}

fn uploads(socket: &'static str) -> Vec<Case> {
    let case = |(text, size, count)| {
        let of = |name, task| contender(name, socket, task, count);
        Case {
            title: format!("{socket}, upload, messages of {text}"),
            route: upload,
            size,
            figure: Figure::Throughput,
            contenders: with_theirs(
                socket,
                vec![
                    of(OURS, "upload"),
                    of(SCRIPT, "upload"),
                    of(BOUNDED, "upload-bounded"),
                    of(BYTES, "write"),
                ],
                of(THEIRS, "upload"),
            ),
            goals: vec![Goal::ratio(SCRIPT, 1.0), Goal::ratio(BOUNDED, 0.9)],
        }
    };
    SIZES.map(case).into()
}

fn round_trips(socket: &'static str) -> Vec<Case> {
    let of = |name| contender(name, socket, "round-trips", 300);
    vec![Case {
        title: format!("{socket}, round trip of 64 bytes"),
        route: |_, _| "echo".to_owned(),
        size: 64,
        figure: Figure::Each,
        contenders: with_theirs(socket, vec![of(OURS), of(SCRIPT)], of(THEIRS)),
        // A time may be so much longer when a rate may be 0.9.
        goals: vec![Goal::ratio(SCRIPT, 1.11)],
    }]
}

fn small(socket: &'static str) -> Vec<Case> {
    // One that merges none is a few hundred times slower.
    let (many, few) = (400_000, 1_000);
    let case = |(title, task): (&str, &'static str)| Case {
        title: format!("{socket}, {title}"),
        route: upload,
        size: 64,
        figure: Figure::Throughput,
        contenders: vec![
            contender(OURS, socket, task, many),
            contender(SCRIPT, socket, "merge", many),
            contender(UNMERGED, socket, "upload", few),
            contender(THEIRS, PLAIN, task, few),
        ],
        goals: vec![Goal::ratio(THEIRS, 100.0)],
    };
    let titles = [
        ("writes of 64 bytes", "write"),
        ("items of 64 bytes, Framed::send", "framed"),
    ];
    titles.map(case).into()
}

fn upload(bytes: usize, _: usize) -> String {
    format!("upload?bytes={bytes}")
}

fn contender(
    name: &'static str,
    socket: &'static str,
    task: &'static str,
    count: usize,
) -> Contender {
    let is_script = name.starts_with(SCRIPT);
    Contender {
        name,
        language: if is_script { "javascript" } else { "rust" },
        contender: if name == THEIRS { THEIRS } else { socket },
        task,
        count,
    }
}

/// On the one socket that they have.
fn with_theirs(socket: &str, mut ours: Vec<Contender>, theirs: Contender) -> Vec<Contender> {
    if socket == PLAIN {
        ours.push(theirs);
    }
    ours
}

impl Figure {
    pub(crate) fn of(self, size: usize, count: usize, seconds: f64) -> f64 {
        match self {
            Self::Throughput => (size * count) as f64 / seconds,
            Self::Each => seconds / count as f64,
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Throughput => Unit::BytesPerSecond,
            Self::Each => Unit::Seconds,
        }
    }

    pub(crate) fn better(self) -> Better {
        match self {
            Self::Throughput => Better::More,
            Self::Each => Better::Less,
        }
    }
}
