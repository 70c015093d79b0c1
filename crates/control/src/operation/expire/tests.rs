//! When the vault is swept behind an expiry.

use super::*;
use crate::house::House;

#[tokio::test]
async fn the_vault_is_swept_once_an_hour() {
    let house = House::new().await;
    let (daemon, now) = (&house.daemon, house.daemon.host.env.now());
    assert!(sweep_is_due(daemon).await.unwrap(), "it never was");
    let minutes = SignedDuration::from_mins;
    for (last, due) in [(minutes(-61), true), (minutes(-50), false), (minutes(10), true)] {
        daemon.catalog.set_timer(SWEEP, now + last).await.unwrap();
        assert_eq!(sweep_is_due(daemon).await.unwrap(), due, "{last:#}");
    }
}
