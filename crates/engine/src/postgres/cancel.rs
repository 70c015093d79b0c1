//! Waits that end when somebody cancels. What is waited for is dropped: a program of ours is killed with its group (`program`), a
//! statement is cancelled at its server (`wire::connection`).

use std::time::Duration;

use vault::backup::tree::Progress;

use crate::error::{Error, Result};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is waited for is on the heap: it would be held twice here, and once more by each caller.
pub(crate) fn unless_cancelled<T>(
    progress: &Progress,
    waited_for: impl Future<Output = Result<T>>,
) -> impl Future<Output = Result<T>> {
    let waited_for = Box::pin(waited_for);
    async move {
        tokio::select! {
            done = waited_for => done,
            error = cancelled(progress) => Err(error),
        }
    }
}

/// Returns when it is cancelled.
pub(crate) async fn cancelled(progress: &Progress) -> Error {
    loop {
        if let Err(error) = progress.check() {
            return error.into();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
