//! Background tasks. One that panics starts again, and the operator is told: in the log, in the metrics, and on the page of
//! the server's health.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;

/// How long after a panic a task starts again. Longer spares the log of one that always panics; shorter shortens the silence.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often any task of this process has started again.
static RESTARTS: AtomicU64 = AtomicU64::new(0);

/// Runs a task until it is done. A panic is our bug: it is logged and counted under the task's name, and the task starts again
/// with what it keeps between two attempts, such as the receiver of its queue. What it was at is lost.
pub(crate) async fn supervised(name: &'static str, mut task: impl AsyncFnMut()) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        note_restart(name);
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Notes that a task, or a thread that does the same, has panicked and starts again.
pub(crate) fn note_restart(name: &'static str) {
    tracing::error!(task = name, "a background task panicked and starts again");
    metrics::counter!("roomtone_task_restarts_total", "task" => name).increment(1);
    RESTARTS.fetch_add(1, Ordering::Relaxed);
}

/// How often a background task of this process has panicked and started again.
pub(crate) fn restarts() -> u64 {
    RESTARTS.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    async fn panics_once() {
        let (queue, mut waiting) = mpsc::channel(10);
        let (done, mut said) = mpsc::channel(10);
        for number in [1, 0, 2] {
            queue.send(number).await.unwrap();
        }
        let (began, before) = (Instant::now(), restarts());
        let task = tokio::spawn(supervised("test", async move || {
            while let Some(number) = waiting.recv().await {
                done.send(10 / number).await.unwrap();
            }
        }));
        assert_eq!(said.recv().await, Some(10));
        assert_eq!(said.recv().await, Some(5), "what waited is done after the panic");
        assert_eq!(began.elapsed(), AGAIN_AFTER);
        assert!(restarts() > before);
        // One that ends is not started again.
        drop(queue);
        task.await.unwrap();
    }

    /// Time is virtual.
    #[test]
    fn a_task_that_panics_starts_again_and_keeps_its_queue() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        metrics::with_local_recorder(&recorder, || runtime.block_on(panics_once()));
        let metrics = recorder.handle().render();
        assert!(metrics.contains("roomtone_task_restarts_total{task=\"test\"} 1"), "{metrics}");
    }
}
