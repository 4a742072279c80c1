//! The draining of this host's outbox, from start to end.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::capabilities::events::backend::{Backend, Event};
use crate::capabilities::events::outbox::{self, Outbox, Refusal, Sender};

/// An outbox that is being drained.
pub(super) struct Draining {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Brings what waits, and what comes, to where it belongs.
pub(super) fn drain(outbox: Arc<Outbox>, sender: Arc<impl Sender + 'static>) -> Draining {
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        // Dropped is stopped too.
        let _stopped = stopped.await;
    };
    Draining { stop, task: tokio::spawn(outbox::drain(outbox, sender, stopped)) }
}

/// The same, into the embedded log: what was meant for Kafka before it was configured away.
pub(super) fn drain_into_log(outbox: Arc<Outbox>, log: Arc<dyn Backend>) -> Draining {
    tracing::info!(events = outbox.depth(), "events that waited for Kafka go into the embedded log");
    drain(outbox, Arc::new(IntoLog(log)))
}

impl Draining {
    /// Waits for what is under way; the rest stays on disk.
    pub(super) async fn stop(self) {
        let Self { stop, task } = self;
        drop(stop);
        if task.await.is_err() {
            tracing::warn!("the outbox was not left in order; some events may be published twice");
        }
    }
}

struct IntoLog(Arc<dyn Backend>);

impl Sender for IntoLog {
    async fn send(&self, event: Event) -> Result<(), Refusal> {
        self.0.publish(event).await.map(drop).map_err(Refusal::from)
    }
}
