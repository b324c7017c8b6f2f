//! What runs on behalf of a server, and how it is told to stop.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of one server: its listener, its connections, and what they were upgraded to.
///
/// They stop in two steps. Closing asks them to come to an end, killing drops them where they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
    killed: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends or everything is killed.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let killed = self.killed.clone();
        self.tracker.spawn(async move {
            killed.run_until_cancelled(task).await;
        });
    }

    /// Waits until the server is being shut down.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
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
