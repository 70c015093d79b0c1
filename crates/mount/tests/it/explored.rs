//! One file of a backup used by several threads at once, in many orders that a scheduler chooses. Needs the feature `shuttle`, with
//! which nothing else here can run: `cargo nextest run -p mount --features shuttle -E 'test(explored)'`.
//!
//! Seeds are fixed, so a failure is there again in the next run; shuttle prints the order that failed. Each order starts from the
//! same skeleton, of which nothing is present, and ends with the laws of `Tree::check`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use mount::fs::{Fs, ROOT, SetAttributes};
use mount::hydrate::{Hydration, hydrate};
use rustix::fs::OFlags;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

use crate::place::{Place, bytes};

const PAGE: usize = 4096;
/// Two groups of pages that are filled under locks of their own, in a file too large to be filled at once.
const PAGES: usize = 20;
const LENGTH: usize = PAGES * PAGE;
/// Where the file is cut: in the middle of its third page.
const CUT: usize = 2 * PAGE + 1000;
/// Orders tried of each scenario by each scheduler, in each way of using a mount.
const ORDERS: usize = 150;
/// Where only few orders of many tell a record that is too early or overwritten.
const MANY_ORDERS: usize = 1000;
const SEED: u64 = 20_261_121;

/// What a thread does.
type Act = fn(&Tree);

/// A tree with one file, in one order of threads.
struct Tree {
    fs: Fs,
    place: Arc<Place>,
    backup: Arc<Vec<u8>>,
    inode: u64,
}

/// Tries orders of `acts`, each on a thread, from nothing being present; then the laws, then `at_end` with the file's bytes.
fn explore(acts: &'static [Act], at_end: fn(&Tree, &[u8])) {
    explore_orders(ORDERS, acts, at_end);
}

fn explore_orders(orders: usize, acts: &'static [Act], at_end: fn(&Tree, &[u8])) {
    let backup = Arc::new(bytes(LENGTH, PAGE, 7));
    let place = Arc::new(Place::new(&BTreeMap::from([("file".to_owned(), (backup.to_vec(), PAGE as u32))])));
    for keep in [true, false] {
        let random = RandomScheduler::new_from_seed(SEED, orders);
        try_orders(random, &place, &backup, move |tree| run(tree, keep, acts, at_end));
        let few_switches = PctScheduler::new_from_seed(SEED, 3, orders);
        try_orders(few_switches, &place, &backup, move |tree| run(tree, keep, acts, at_end));
    }
}

fn try_orders(
    scheduler: impl Scheduler + 'static,
    place: &Arc<Place>,
    backup: &Arc<Vec<u8>>,
    run: impl Fn(&dyn Fn(bool) -> Tree) + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    let (place, backup) = (place.clone(), backup.clone());
    Runner::new(scheduler, config).run(move || run(&|keep| Tree::begin(&place, &backup, keep)));
}

fn run(begin: &dyn Fn(bool) -> Tree, keep: bool, acts: &[Act], at_end: fn(&Tree, &[u8])) {
    let tree = Arc::new(begin(keep));
    let threads: Vec<_> = acts.iter().map(|act| (*act, tree.clone())).collect();
    let threads: Vec<_> = threads.into_iter().map(|(act, tree)| thread::spawn(move || act(&tree))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    tree.check();
    at_end(&tree, &tree.read(0, LENGTH));
}

impl Tree {
    fn begin(place: &Arc<Place>, backup: &Arc<Vec<u8>>, keep: bool) -> Tree {
        let skeleton = place.home().join("skeleton/file");
        if skeleton.exists() {
            let file = File::options().write(true).open(skeleton).unwrap();
            file.set_len(0).unwrap();
            file.set_len(LENGTH as u64).unwrap();
            std::fs::write(place.home().join("skeleton/.file"), vec![0; LENGTH]).unwrap();
            let presence = File::options().write(true).open(place.home().join("presence")).unwrap();
            presence.write_all_at(&[0; 8], 64).unwrap();
        }
        let fs = place.fs(keep);
        let inode = fs.lookup(ROOT, OsStr::new("file")).unwrap().inode;
        Tree { fs, place: place.clone(), backup: backup.clone(), inode }
    }

    fn opened<T>(&self, act: impl FnOnce(u64) -> T) -> T {
        let handle = self.fs.open(self.inode, OFlags::RDWR).unwrap().handle;
        let done = act(handle);
        self.fs.release(handle);
        done
    }

    fn read(&self, offset: usize, length: usize) -> Vec<u8> {
        self.opened(|handle| self.fs.read(handle, offset as u64, length).unwrap())
    }

    fn write(&self, offset: usize, length: usize, value: u8) {
        self.opened(|handle| self.fs.write(handle, offset as u64, &vec![value; length]).unwrap());
    }

    /// Afterwards the record on disk has these pages, whatever else happens.
    fn sync(&self, pages: impl IntoIterator<Item = usize>) {
        self.opened(|handle| self.fs.sync(handle, true).unwrap());
        let recorded = self.recorded();
        pages.into_iter().for_each(|page| assert!(recorded & 1 << page != 0, "page {page} is synced, not recorded"));
    }

    /// Cuts, and lets it grow again. The cut is recorded when it is done.
    fn cut(&self) {
        self.set_size(CUT);
        let recorded = self.recorded();
        (2..PAGES).for_each(|page| assert!(recorded & 1 << page != 0, "page {page} is cut, not recorded"));
        self.set_size(LENGTH);
    }

    fn set_size(&self, size: usize) {
        let set = SetAttributes { size: Some(size as u64), ..SetAttributes::default() };
        self.fs.set_attributes(self.inode, &set).unwrap();
    }

    fn fill(&self) {
        let files = self.fs.base_files().unwrap();
        let mut filler = self.fs.filler(Arc::default());
        files.iter().for_each(|file| assert!(self.fs.fill(file, 0..PAGES as u64, &mut filler).is_ok()));
        self.fs.let_go_of(files);
        self.fs.settle_all().unwrap();
    }

    /// The words of the record on disk.
    fn recorded(&self) -> u64 {
        let mut word = [0; 8];
        File::open(self.place.home().join("presence")).unwrap().read_exact_at(&mut word, 64).unwrap();
        u64::from_le_bytes(word)
    }

    fn in_skeleton(&self) -> Vec<u8> {
        std::fs::read(self.place.home().join("skeleton/file")).unwrap()
    }

    /// The skeleton's file as a power cut would leave it at worst.
    fn durable(&self) -> Vec<u8> {
        std::fs::read(self.place.home().join("skeleton/.file")).unwrap_or_else(|_| vec![0; LENGTH])
    }

    fn is_present(&self, page: usize) -> bool {
        let file = &self.fs.base().files()[0];
        self.fs.presence().is_present(file.bits, page as u64)
    }

    /// What is recorded is there, and what is there is what is read.
    fn check(&self) {
        let read = self.read(0, LENGTH);
        let (skeleton, recorded) = (self.in_skeleton(), self.recorded());
        for page in 0..PAGES {
            assert!(recorded & 1 << page == 0 || self.is_present(page), "page {page} is recorded and not there");
            if self.is_present(page) {
                let range = (page * PAGE).min(skeleton.len())..((page + 1) * PAGE).min(skeleton.len());
                assert!(skeleton[range.clone()] == read[range], "page {page} is not what the skeleton has");
            }
        }
    }

    fn as_in_backup(&self, read: &[u8], pages: impl IntoIterator<Item = usize>) {
        for page in pages {
            let range = page * PAGE..(page + 1) * PAGE;
            assert!(read[range.clone()] == self.backup[range], "page {page} is not the backup's");
        }
    }

    /// Looks at a page until it is another than the backup's, some times; it may never be the backup's again.
    fn never_goes_back(&self, page: usize, others: &[u8]) {
        let mut changed = false;
        for _ in 0..3 {
            let read = self.read(page * PAGE, PAGE);
            let old = read == self.backup[page * PAGE..][..PAGE];
            assert!(old || read.iter().all(|byte| others.contains(byte)), "page {page} is neither old nor new");
            assert!(!(changed && old), "page {page} is the backup's again");
            changed = !old;
        }
    }
}

fn all(bytes: &[u8], value: u8) -> bool {
    bytes.iter().all(|byte| *byte == value)
}

#[test]
fn explored_parts_of_one_page_are_all_kept() {
    let acts: &[Act] =
        &[|tree| tree.write(PAGE, 100, 1), |tree| tree.write(PAGE + 200, 100, 2), |tree| drop(tree.read(0, LENGTH))];
    explore(acts, |tree, read| {
        let page = &read[PAGE..2 * PAGE];
        assert!(all(&page[..100], 1) && all(&page[200..300], 2), "a write is lost");
        assert_eq!(page[100..200], tree.backup[PAGE + 100..PAGE + 200]);
        assert_eq!(page[300..], tree.backup[PAGE + 300..2 * PAGE]);
        tree.as_in_backup(read, (0..PAGES).filter(|page| *page != 1));
    });
}

#[test]
fn explored_what_is_written_whole_is_not_filled_over() {
    let acts: &[Act] = &[
        |tree| tree.write(PAGE, PAGE, 1),
        |tree| tree.write(17 * PAGE, 2 * PAGE, 2),
        Tree::fill,
        |tree| tree.never_goes_back(1, &[1]),
    ];
    explore(acts, |tree, read| {
        assert!(all(&read[PAGE..2 * PAGE], 1), "page 1 is lost");
        assert!(all(&read[17 * PAGE..19 * PAGE], 2), "pages 17 and 18 are lost");
        assert!((0..PAGES).all(|page| tree.is_present(page)), "something was not filled");
        tree.as_in_backup(read, (0..PAGES).filter(|page| ![1, 17, 18].contains(page)));
    });
}

#[test]
fn explored_readers_fetch_beside_writers() {
    let acts: &[Act] = &[
        |tree| tree.never_goes_back(2, &[3]),
        |tree| tree.write(2 * PAGE, PAGE, 3),
        |tree| tree.as_in_backup(&tree.read(0, LENGTH), (0..PAGES).filter(|page| ![2, 16].contains(page))),
        |tree| tree.write(16 * PAGE, 10, 4),
    ];
    explore(acts, |tree, read| {
        assert!(all(&read[2 * PAGE..3 * PAGE], 3), "page 2 is lost");
        assert!(all(&read[16 * PAGE..][..10], 4), "the part of page 16 is lost");
        assert_eq!(read[16 * PAGE + 10..17 * PAGE], tree.backup[16 * PAGE + 10..17 * PAGE]);
    });
}

#[test]
fn explored_what_is_cut_off_does_not_come_back() {
    let acts: &[Act] = &[
        |tree| {
            tree.set_size(CUT);
            let behind = tree.read(CUT, LENGTH);
            assert!(all(&behind, 0), "the backup shows behind the cut");
            tree.set_size(LENGTH);
        },
        Tree::fill,
        |tree| {
            let read = tree.read(2 * PAGE, 2 * PAGE);
            let (before, behind) = read.split_at(CUT - 2 * PAGE);
            assert_eq!(before, &tree.backup[2 * PAGE..CUT]);
            assert!(all(behind, 0) || *behind == tree.backup[CUT..][..behind.len()], "behind the cut is a mix");
        },
    ];
    explore(acts, |tree, read| {
        assert_eq!(read[..CUT], tree.backup[..CUT]);
        assert!(all(&read[CUT..], 0), "what was cut off is back");
    });
}

#[test]
fn explored_writers_beside_a_cut() {
    let acts: &[Act] = &[
        Tree::cut,
        |tree| tree.write(2 * PAGE + 10, 10, 1),
        |tree| tree.write(16 * PAGE + 10, 10, 2),
        |tree| tree.write(5 * PAGE, PAGE, 3),
    ];
    explore(acts, |tree, read| {
        assert_eq!(read[..2 * PAGE + 10], tree.backup[..2 * PAGE + 10]);
        assert!(all(&read[2 * PAGE + 10..][..10], 1), "a write before the cut is lost");
        assert_eq!(read[2 * PAGE + 20..CUT], tree.backup[2 * PAGE + 20..CUT]);
        assert!(all(&read[5 * PAGE..][..PAGE], 0) || all(&read[5 * PAGE..][..PAGE], 3), "page 5 is a mix");
        let page = &read[16 * PAGE..17 * PAGE];
        assert!(all(&page[..10], 0) && all(&page[20..], 0), "what was cut off is back");
    });
}

#[test]
fn explored_what_is_synced_is_recorded_by_whoever_records() {
    let acts: &[Act] = &[
        |tree| {
            tree.write(PAGE, PAGE, 1);
            tree.sync([1]);
        },
        |tree| {
            tree.write(18 * PAGE, 100, 2);
            tree.sync([18]);
        },
        |tree| tree.fs.settle_all().unwrap(),
        |tree| {
            for _ in 0..8 {
                let (recorded, durable) = (tree.recorded(), tree.durable());
                assert!(recorded & 1 << 1 == 0 || all(&durable[PAGE..2 * PAGE], 1), "page 1 is recorded, not durable");
                let part = &durable[18 * PAGE..][..100];
                let fetched = all(part, 2) || *part == tree.backup[18 * PAGE..][..100];
                assert!(recorded & 1 << 18 == 0 || fetched, "page 18 is recorded, not durable");
                thread::yield_now();
            }
        },
    ];
    explore_orders(MANY_ORDERS, acts, |tree, _| assert_eq!(tree.recorded() & (1 << 1 | 1 << 18), 1 << 1 | 1 << 18));
}

#[test]
fn explored_hydration_beside_everything() {
    let acts: &[Act] = &[
        |tree| assert!(hydrate(&tree.fs, &Hydration::default(), &vault::Env::system()).unwrap()),
        |tree| tree.write(PAGE + 100, 100, 1),
        Tree::cut,
    ];
    explore(acts, |tree, read| {
        assert!((0..PAGES).all(|page| tree.is_present(page)), "something was not filled");
        assert_eq!(read[..PAGE + 100], tree.backup[..PAGE + 100]);
        assert!(all(&read[PAGE + 100..][..100], 1), "a write is lost");
        assert_eq!(read[PAGE + 200..CUT], tree.backup[PAGE + 200..CUT]);
        assert!(all(&read[CUT..], 0), "what was cut off is back");
    });
}
