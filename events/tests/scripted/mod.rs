//! A store that does what a test says.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use wsio_events::{
    AppendError, EventId, EventStore, Limits, LogName, LogTail, NewEvent, OpenedLog, Page,
    PageLimits, SourceClaim, SourceGrant, SourceTable, StoreError, StoredEvent, StoredLog,
    WindowLimits,
};

/// Remembers what it pushed, and returns the given pages one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pages: Pages,
    newest: Option<EventId>,
    pushed: Arc<Mutex<Vec<StoredEvent>>>,
    tail: Arc<Mutex<Option<LogTail>>>,
}

/// The ids of the events of each page; `None` where the store fails.
type Pages = Arc<Mutex<VecDeque<Option<Vec<EventId>>>>>;

impl Scripted {
    pub(crate) const WINDOW: usize = 10;

    /// Of a log whose newest event is `newest`, and not in its window.
    pub(crate) fn with_pages(
        pages: impl Into<VecDeque<Option<Vec<EventId>>>>,
        newest: EventId,
    ) -> Self {
        Self {
            pages: Arc::new(Mutex::new(pages.into())),
            newest: Some(newest),
            ..Self::default()
        }
    }

    /// The tail of the log that was opened last.
    pub(crate) fn tail(&self) -> Arc<Mutex<Option<LogTail>>> {
        Arc::clone(&self.tail)
    }

    pub(crate) fn pushed(&self) -> Arc<Mutex<Vec<StoredEvent>>> {
        Arc::clone(&self.pushed)
    }
}

impl EventStore for Scripted {
    fn limits(&self) -> Limits {
        Limits::new()
    }

    fn open(
        &self,
        _: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        *self.tail.lock().unwrap() = Some(tail.clone());
        let newest = self.newest.unwrap_or(EventId::new(1, 0));
        let log = ScriptedLog {
            tail,
            pages: Arc::clone(&self.pages),
            newest,
            pushed: Arc::clone(&self.pushed),
            sources: SourceTable::new(Limits::new()),
        };
        let opened = OpenedLog {
            log: Box::new(log),
            newest,
            recent: Vec::new(),
            window: WindowLimits {
                events: Self::WINDOW,
                bytes: usize::MAX,
            },
        };
        ready(Ok(opened)).boxed()
    }
}

#[derive(Debug)]
struct ScriptedLog {
    tail: LogTail,
    pages: Pages,
    newest: EventId,
    pushed: Arc<Mutex<Vec<StoredEvent>>>,
    sources: SourceTable,
}

impl StoredLog for ScriptedLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        let id = self.tail.newest().next().unwrap();
        let stored = StoredEvent::new(id, None, event.body());
        self.pushed.lock().unwrap().push(stored.clone());
        drop(self.tail.push([stored]).unwrap());
        ready(Ok(id)).boxed()
    }

    fn page(&self, _: EventId, _: PageLimits) -> BoxFuture<'static, Result<Page, StoreError>> {
        let page = self.pages.lock().unwrap().pop_front();
        let Some(ids) = page.unwrap_or(Some(Vec::new())) else {
            return ready(Err(StoreError::new("a test says so"))).boxed();
        };
        let event = |id: EventId| {
            let body = format!("data: {}\n\n", id.number);
            StoredEvent::new(id, None, body.as_bytes())
        };
        let page = Page {
            events: ids.into_iter().map(event).collect(),
            newest: self.newest,
        };
        ready(Ok(page)).boxed()
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        ready(Ok(self.sources.claim(&claim))).boxed()
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        ready(Ok(self.sources.advance(&claim, seen))).boxed()
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        self.sources.release(&claim);
        ready(Ok(())).boxed()
    }
}
