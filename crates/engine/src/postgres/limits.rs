//! Settings that size what a server keeps in shared memory. A hot standby needs at least as much of each as the server had that
//! wrote the log (CheckRequiredParameterValues in xlogrecovery.c); a server writes its own into the log whenever they changed.

use super::control_file::ControlFile;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_connections: u32,
    pub max_worker_processes: u32,
    pub max_wal_senders: u32,
    pub max_prepared_transactions: u32,
    pub max_locks_per_transaction: u32,
}

impl Limits {
    pub fn of(control: &ControlFile) -> Limits {
        Limits {
            max_connections: control.max_connections,
            max_worker_processes: control.max_worker_processes,
            max_wal_senders: control.max_wal_senders,
            max_prepared_transactions: control.max_prepared_transactions,
            max_locks_per_transaction: control.max_locks_per_transaction,
        }
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Limits) -> Limits {
        Limits {
            max_connections: self.max_connections.max(other.max_connections),
            max_worker_processes: self.max_worker_processes.max(other.max_worker_processes),
            max_wal_senders: self.max_wal_senders.max(other.max_wal_senders),
            max_prepared_transactions: self.max_prepared_transactions.max(other.max_prepared_transactions),
            max_locks_per_transaction: self.max_locks_per_transaction.max(other.max_locks_per_transaction),
        }
    }

    /// By their names in postgresql.conf.
    pub fn settings(self) -> [(&'static str, String); 5] {
        [
            ("max_connections", self.max_connections.to_string()),
            ("max_worker_processes", self.max_worker_processes.to_string()),
            ("max_wal_senders", self.max_wal_senders.to_string()),
            ("max_prepared_transactions", self.max_prepared_transactions.to_string()),
            ("max_locks_per_transaction", self.max_locks_per_transaction.to_string()),
        ]
    }
}
