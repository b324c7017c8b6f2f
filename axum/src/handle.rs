//! The tasks of a server, and their end.

use std::future::Future;

use futures::{FutureExt, future::select};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wsio_events::Seldom;

/// A cloneable handle to a running [`Server`](crate::Server): runs tasks that end with it.
///
/// A handler obtains it as `Extension<ServerHandle>`.
///
/// A server ends in two steps. A shutdown first asks every task to end, by
/// [`shutting_down`](Self::shutting_down), and then drops the tasks that are left.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    tracker: TaskTracker,
    closing: CancellationToken,
    killed: CancellationToken,
}

impl ServerHandle {
    pub(crate) fn new() -> Self {
        Self {
            tracker: TaskTracker::new(),
            closing: CancellationToken::new(),
            killed: CancellationToken::new(),
        }
    }

    /// Runs a task until it ends or the server does. A shutdown waits for the task, at most for
    /// the [grace period](crate::ServerBuilder::grace).
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let killed = Seldom::new(self.killed.clone().cancelled_owned());
        // Boxed, so that it is not in the memory of the task twice.
        let task = select(killed, Box::pin(task));
        self.tracker.spawn(task.map(|_| ()));
    }

    /// Waits until the server is being shut down.
    pub fn shutting_down(&self) -> impl Future<Output = ()> + Send + use<> {
        self.closing.clone().cancelled_owned()
    }

    /// Asks every task to end.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
    }

    /// Drops every task at its next step.
    pub(crate) fn kill(&self) {
        self.close();
        self.killed.cancel();
    }

    /// Waits until no task is left. Never resolves before [`close`](Self::close).
    pub(crate) async fn ended(&self) {
        self.tracker.wait().await;
    }
}
