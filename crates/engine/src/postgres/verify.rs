//! Looks at a restored cluster before anyone depends on it: connects to every database, compares what is there with what the
//! backup recorded, and reads every page to check its checksum.

use std::path::Path;

use serde::{Deserialize, Serialize};
use vault::backup::tree::{PageState, Tree, TreeKind};

use super::backup::census::{self, Sequences};
use super::extract;
use super::info::ClusterInfo;
use super::instance::Instance;
use super::lsn::Lsn;
use super::migrations::{self, Migrations};
use super::source::DataDirectory;
use super::wire::Connection;
use crate::error::Result;

mod compare;

const FINDINGS_KEPT: usize = 50;
const READ_AGAIN: u32 = 5;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Every database could be connected to.
    pub databases: Vec<String>,
    pub relations: u64,
    pub pages_checked: u64,
    /// Pages whose checksum does not hold.
    pub pages_bad: u64,
    /// What differs from the backup's record; not always wrong, as the log may have changed it on purpose.
    pub findings: Vec<String>,
    /// Relations whose contents no backup holds, in words.
    #[serde(default)]
    pub unlogged: Vec<String>,
    /// What tools for migrations have noted.
    #[serde(default)]
    pub migrations: Vec<Migrations>,
}

impl Verified {
    /// No page is bad.
    pub fn is_sound(&self) -> bool {
        self.pages_bad == 0
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_KEPT {
            self.findings.push(finding);
        }
    }
}

/// Looks at everything, every page too.
pub async fn verify(sql: &mut Connection, instance: &Instance, info: &ClusterInfo) -> Result<Verified> {
    let mut verified = compare_all(sql, instance, info, Sequences::Read).await?;
    if info.checksums {
        let folder = instance.data_directory.clone();
        let read = tokio::task::spawn_blocking(move || read_pages(&folder)).await;
        let pages = read.map_err(|e| vault::Error::Internal(e.to_string()))??;
        verified.pages_checked = pages.checked;
        verified.pages_bad = pages.bad.len() as u64;
        pages.bad.into_iter().for_each(|page| verified.find(page));
    }
    Ok(verified)
}

/// Connects to every database and compares what is there; reads no page but those of the catalogs and of tables of migrations.
pub async fn look(sql: &mut Connection, instance: &Instance, info: &ClusterInfo) -> Result<Verified> {
    compare_all(sql, instance, info, Sequences::LeftOut).await
}

async fn compare_all(
    sql: &mut Connection,
    instance: &Instance,
    info: &ClusterInfo,
    sequences: Sequences,
) -> Result<Verified> {
    let mut verified = Verified::default();
    let there = census::take(sql, &instance.conninfo("postgres")?, sequences).await?;
    verified.databases = there.iter().map(|database| database.name.clone()).collect();
    let names = verified.databases.clone();
    verified.unlogged = extract::of_databases(&instance.conninfo("postgres")?, names.iter().map(String::as_str)).await;
    verified.relations = there.iter().map(|database| database.relations_total).sum();
    let roles = census::roles(sql).await?;
    compare::compare(info, &there, &roles).into_iter().for_each(|finding| verified.find(finding));
    verified.migrations = migrations::of_cluster(&instance.conninfo("postgres")?).await?;
    Ok(verified)
}

struct Pages {
    checked: u64,
    bad: Vec<String>,
}

/// Reads all relation files. The server runs meanwhile, so a page that looks bad is read again before it counts.
fn read_pages(data_directory: &Path) -> Result<Pages> {
    // Every page is judged: none is excused for being newer than the backup.
    let tree = DataDirectory::new(data_directory, true, Lsn(u64::MAX))?;
    let mut pages = Pages { checked: 0, bad: Vec::new() };
    let mut block = vec![0; 1 << 20];
    for entry in tree.walk() {
        let entry = entry?;
        let TreeKind::File { page_size, .. } = entry.kind else { continue };
        if super::source::first_block(&entry.path).is_none() {
            continue;
        }
        let opened =
            tree.open(&entry.path).map_err(|e| crate::Error::file("open", &data_directory.join(&entry.path), e))?;
        let Some(mut file) = opened else { continue };
        let mut offset = 0;
        loop {
            let read = file
                .read_at(offset, &mut block)
                .map_err(|e| crate::Error::file("read", &data_directory.join(&entry.path), e))?;
            for (at, page) in block[..read].chunks_exact_mut(page_size as usize).enumerate() {
                let number = offset / u64::from(page_size) + at as u64;
                pages.checked += 1;
                let mut tries = 0;
                while file.judge(number, page) == PageState::Suspect && tries < READ_AGAIN {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    let _ = file.read_at(number * u64::from(page_size), page);
                }
                if file.judge(number, page) == PageState::Suspect {
                    pages.bad.push(format!("page {number} of {} does not match its checksum", entry.path));
                }
            }
            offset += read as u64;
            if read < block.len() {
                break;
            }
        }
    }
    Ok(pages)
}
