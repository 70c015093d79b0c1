//! What docs/mount-semantics.md promises, on a real kernel mount. A test here stands there by name, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mount::fs::Fs;
use mount::session::Session;
use rustix::fs::FallocateFlags;

use crate::place::{Place, bytes};

const LARGE: usize = 1 << 20;
const PAGE: usize = 8192;

/// A mounted backup.
struct Mounted {
    session: Option<Session>,
    fs: Arc<Fs>,
    place: Place,
    keep: bool,
}

impl Mounted {
    fn new(keep: bool) -> Mounted {
        Mounted::at(&contents(), keep, None)
    }

    fn at(contents: &BTreeMap<String, (Vec<u8>, u32)>, keep: bool, disk: Option<&str>) -> Mounted {
        let place = Place::new(contents);
        if let Some(size) = disk {
            run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "none", &text(&place.home())]);
        }
        fs::create_dir(place.folder.path().join("at")).unwrap();
        let fs = Arc::new(place.direct_fs(keep));
        let session = Session::mount(fs.clone(), &place.folder.path().join("at")).unwrap();
        Mounted { session: Some(session), fs, place, keep }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.folder.path().join("at").join(name)
    }

    fn open(&self, name: &str) -> File {
        File::options().read(true).write(true).open(self.path(name)).unwrap()
    }

    /// The process ends, another takes the skeleton up.
    fn remount(&mut self) {
        self.session.take().unwrap().unmount().unwrap();
        self.fs = Arc::new(self.place.direct_fs(self.keep));
        self.session = Some(Session::mount(self.fs.clone(), &self.place.folder.path().join("at")).unwrap());
    }

    fn packs(&self) -> PathBuf {
        self.place.folder.path().join("vault/packs")
    }

    fn without_vault<T>(&self, act: impl FnOnce() -> T) -> T {
        let away = self.place.folder.path().join("away");
        fs::rename(self.packs(), &away).unwrap();
        let done = act();
        fs::rename(&away, self.packs()).unwrap();
        done
    }
}

/// Both ways of using a mount.
fn both() -> impl Iterator<Item = Mounted> {
    [true, false].into_iter().map(Mounted::new)
}

fn contents() -> BTreeMap<String, (Vec<u8>, u32)> {
    let files = [("base/1/large", LARGE, PAGE), ("base/1/other", LARGE + 100, 16384), ("PG_VERSION", 3, 4096)];
    files.into_iter().map(|(name, length, page)| (name.into(), (bytes(length, page, 3), page as u32))).collect()
}

fn large() -> Vec<u8> {
    bytes(LARGE, PAGE, 3)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn run(program: &str, words: &[&str]) {
    let done = std::process::Command::new(program).args(words).status().unwrap();
    assert!(done.success(), "{program} {words:?}");
}

fn read_at(file: &File, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

#[test]
fn names_and_sizes_are_there_at_once() {
    let mounted = Mounted::new(false);
    mounted.without_vault(|| {
        let found = fs::metadata(mounted.path("base/1/other")).unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (LARGE as u64 + 100, 0o700));
        let names = fs::read_dir(mounted.path("base/1")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(["large".into(), "other".into()]));
        assert_eq!(fs::read(mounted.path("nothing")).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn every_way_of_reading_gives_the_same() {
    for mounted in both() {
        let (file, expected) = (mounted.open("base/1/large"), large());
        // At random first: nothing was read ahead yet.
        for at in [LARGE - 1, 5 * PAGE - 10, 77, LARGE / 2] {
            let length = (LARGE - at).min(20_000);
            assert!(read_at(&file, at as u64, length) == expected[at..at + length], "at {at}");
        }
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
        let direct = File::options().read(true).custom_flags(0o40000).open(mounted.path("base/1/large")).unwrap();
        let mut aligned = vec![0; 3 * 4096];
        let start = aligned.as_ptr().align_offset(4096);
        direct.read_exact_at(&mut aligned[start..start + 4096], 8 * 4096).unwrap();
        assert!(aligned[start..start + 4096] == expected[8 * 4096..9 * 4096]);
        assert!(mapped(&file, LARGE) == expected);
        assert!(fs::read(mounted.path("base/1/other")).unwrap() == bytes(LARGE + 100, 16384, 3));
    }
}

/// The file as a program sees it that maps it: `cmp` of the copy that `dd` cannot make. Python maps.
fn mapped(file: &File, length: usize) -> Vec<u8> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let program = "import mmap, sys; f = open(sys.argv[1], 'rb'); \
                   sys.stdout.buffer.write(mmap.mmap(f.fileno(), int(sys.argv[2]), prot=mmap.PROT_READ)[:])";
    let done =
        std::process::Command::new("python3").args(["-c", program, &path, &length.to_string()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

#[test]
fn many_files_can_be_open() {
    let mounted = Mounted::new(true);
    let open: Vec<File> = (0..1000).map(|_| mounted.open("base/1/large")).collect();
    let expected = large();
    for (at, file) in open.iter().enumerate() {
        assert!(read_at(file, at as u64 * 1000, 100) == expected[at * 1000..at * 1000 + 100]);
    }
}

#[test]
fn rights_are_respected() {
    let mounted = Mounted::new(false);
    fs::set_permissions(mounted.place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let cat = |path: PathBuf| {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new("cat");
        command.arg(path).uid(65534).gid(65534).stderr(std::process::Stdio::null());
        command.output().unwrap()
    };
    fs::set_permissions(mounted.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!cat(mounted.path("PG_VERSION")).status.success());
    fs::set_permissions(mounted.path("PG_VERSION"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(cat(mounted.path("PG_VERSION")).stdout, bytes(3, 4096, 3));
}

#[test]
fn what_is_written_is_read() {
    for mounted in both() {
        let (file, mut expected) = (mounted.open("base/1/large"), large());
        for (at, length) in [(0, 1), (PAGE - 1, 2), (3 * PAGE, PAGE), (10 * PAGE + 5, 3 * PAGE), (LARGE - 3, 1000)] {
            expected.resize(expected.len().max(at + length), 0);
            expected[at..at + length].fill(0xee);
            file.write_all_at(&vec![0xee; length], at as u64).unwrap();
        }
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
        let mut end = File::options().append(true).open(mounted.path("base/1/large")).unwrap();
        end.write_all(b"end").unwrap();
        expected.extend(b"end");
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
    }
}

#[test]
fn whole_pages_are_written_without_the_vault() {
    for mounted in both() {
        mounted.without_vault(|| {
            let file = mounted.open("base/1/large");
            file.write_all_at(&[5; 4 * PAGE], 8 * PAGE as u64).unwrap();
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
            assert!(read_at(&file, 8 * PAGE as u64, 4 * PAGE) == [5; 4 * PAGE]);
        });
    }
}

#[test]
fn cut_off_is_gone_for_good() {
    for mut mounted in both() {
        let file = mounted.open("base/1/large");
        file.set_len(3 * PAGE as u64 + 100).unwrap();
        file.set_len(LARGE as u64).unwrap();
        let mut expected = large();
        expected[3 * PAGE + 100..].fill(0);
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
        drop(file);
        mounted.remount();
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
    }
}

#[test]
fn room_can_be_allocated() {
    for mounted in both() {
        let file = mounted.open("base/1/large");
        rustix::fs::fallocate(&file, FallocateFlags::empty(), LARGE as u64, 50_000).unwrap();
        let mut expected = large();
        expected.resize(LARGE + 50_000, 0);
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
        let punched = rustix::fs::fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 8192);
        assert_eq!(punched, Err(rustix::io::Errno::OPNOTSUPP));
    }
}

#[test]
fn the_backup_is_not_touched() {
    let mounted = Mounted::new(true);
    let vault = mounted.place.folder.path().join("vault");
    let list = || {
        let listing =
            std::process::Command::new("find").arg(&vault).args(["-type", "f", "-printf", "%p %s %T@\n"]).output();
        String::from_utf8(listing.unwrap().stdout).unwrap().lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let before = list();
    let file = mounted.open("base/1/large");
    file.write_all_at(&[1; 100], 5).unwrap();
    file.set_len(9).unwrap();
    file.sync_all().unwrap();
    fs::remove_file(mounted.path("base/1/other")).unwrap();
    assert_eq!(list(), before);
}

#[test]
fn renamed_files_keep_their_bytes() {
    for mut mounted in both() {
        fs::rename(mounted.path("base/1/large"), mounted.path("moved")).unwrap();
        fs::hard_link(mounted.path("moved"), mounted.path("base/second")).unwrap();
        File::options().write(true).open(mounted.path("base/second")).unwrap().write_all_at(b"x", 9).unwrap();
        let mut expected = large();
        expected[9] = b'x';
        assert!(fs::read(mounted.path("moved")).unwrap() == expected);
        assert_eq!(fs::metadata(mounted.path("moved")).unwrap().nlink(), 2);
        assert!(!mounted.path("base/1/large").exists());
        fs::rename(mounted.path("base/1/other"), mounted.path("moved")).unwrap();
        mounted.open("base/second").sync_all().unwrap();
        mounted.remount();
        assert!(fs::read(mounted.path("moved")).unwrap() == bytes(LARGE + 100, 16384, 3));
        assert!(fs::read(mounted.path("base/second")).unwrap() == expected);
    }
}

#[test]
fn removed_files_live_while_open() {
    for mounted in both() {
        let mut file = mounted.open("base/1/large");
        fs::remove_file(mounted.path("base/1/large")).unwrap();
        file.write_all_at(b"still", 100).unwrap();
        let (mut found, mut expected) = (Vec::new(), large());
        expected[100..105].copy_from_slice(b"still");
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == expected);
    }
}

#[test]
fn a_new_file_is_empty() {
    for mut mounted in both() {
        fs::remove_file(mounted.path("base/1/large")).unwrap();
        let file = File::create_new(mounted.path("base/1/large")).unwrap();
        file.set_len(2 * PAGE as u64).unwrap();
        file.sync_all().unwrap();
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == [0; 2 * PAGE]);
        drop(file);
        mounted.remount();
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == [0; 2 * PAGE]);
    }
}

#[test]
fn folders_links_and_sockets_can_be_made() {
    let mounted = Mounted::new(true);
    fs::create_dir_all(mounted.path("new/below")).unwrap();
    symlink("../../PG_VERSION", mounted.path("new/below/link")).unwrap();
    assert_eq!(fs::read(mounted.path("new/below/link")).unwrap(), bytes(3, 4096, 3));
    let listener = std::os::unix::net::UnixListener::bind(mounted.path("new/s")).unwrap();
    assert!(fs::metadata(mounted.path("new/s")).unwrap().file_type().is_socket());
    std::os::unix::net::UnixStream::connect(mounted.path("new/s")).unwrap();
    drop(listener);
    assert_eq!(fs::remove_dir(mounted.path("new")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    fs::remove_dir_all(mounted.path("new")).unwrap();
}

#[test]
fn synced_writes_outlive_the_process() {
    for mut mounted in both() {
        let file = mounted.open("base/1/large");
        file.write_all_at(&[9; 3 * PAGE], 50).unwrap();
        file.sync_data().unwrap();
        drop(file);
        let new = File::create_new(mounted.path("base/1/new")).unwrap();
        new.write_all_at(b"new", 0).unwrap();
        new.sync_all().unwrap();
        drop(new);
        mounted.remount();
        let mut expected = large();
        expected[50..50 + 3 * PAGE].fill(9);
        assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
        assert_eq!(fs::read(mounted.path("base/1/new")).unwrap(), b"new");
    }
}

#[test]
fn a_vault_that_is_away_fails_single_pages() {
    for mounted in both() {
        let file = mounted.open("base/1/large");
        file.write_all_at(&[4; PAGE], 0).unwrap();
        fs::write(mounted.path("own"), "ours").unwrap();
        mounted.without_vault(|| {
            let failed = file.read_at(&mut [0; 10], LARGE as u64 / 2).unwrap_err();
            assert_eq!(failed.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
            assert!(read_at(&file, 0, PAGE) == [4; PAGE]);
            assert_eq!(fs::read(mounted.path("own")).unwrap(), b"ours");
        });
        assert!(mounted.fs.failures() > 0);
        assert!(read_at(&file, LARGE as u64 / 2, 10) == large()[LARGE / 2..LARGE / 2 + 10]);
    }
}

#[test]
fn a_full_disk_is_said_so() {
    let mut mounted = Mounted::at(&contents(), false, Some("1m"));
    let home = mounted.place.home();
    let file = mounted.open("base/1/large");
    let full = (0..LARGE / PAGE).find_map(|page| file.write_all_at(&[3; PAGE], (page * PAGE) as u64).err());
    assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::StorageFull));
    let last = LARGE - PAGE;
    assert!(read_at(&file, last as u64, PAGE) == large()[last..], "what was not written is the backup's");
    drop(file);
    // Its threads have ended then, and hold nothing of the disk.
    mounted.session.take().unwrap().unmount().unwrap();
    drop(mounted.fs);
    run("umount", &[&text(&home)]);
}

#[test]
fn free_space_is_the_local_disks() {
    let mounted = Mounted::new(true);
    let here = rustix::fs::statvfs(mounted.path("base")).unwrap();
    let local = rustix::fs::statvfs(mounted.place.home()).unwrap();
    assert_eq!((here.f_blocks, here.f_frsize), (local.f_blocks, local.f_frsize));
    assert!(here.f_bavail > 0);
}

#[test]
fn whole_files_bypass_us() {
    let mounted = Mounted::new(true);
    let (whole, missing) = (File::create(mounted.path("own")).unwrap(), mounted.open("base/1/large"));
    assert_eq!(mounted.fs.direct_files(), 1);
    assert!(read_at(&missing, 0, LARGE) == large());
    let still_through = mounted.open("base/1/large");
    assert_eq!(mounted.fs.direct_files(), 1, "it is open in the other way");
    drop((missing, still_through));
    // The kernel tells us of a close when it suits it.
    let direct = (0..1000).find_map(|_| {
        let file = mounted.open("base/1/large");
        std::thread::sleep(std::time::Duration::from_millis(2));
        (mounted.fs.direct_files() == 2).then_some(file)
    });
    let file = direct.expect("it is whole and was closed by all");
    file.write_all_at(b"direct", 4 * PAGE as u64).unwrap();
    file.sync_all().unwrap();
    let mut expected = large();
    expected[4 * PAGE..4 * PAGE + 6].copy_from_slice(b"direct");
    assert!(fs::read(mounted.path("base/1/large")).unwrap() == expected);
    drop((whole, file));
}

#[test]
fn the_page_and_these_tests_name_the_same_promises() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mount-semantics.md")).unwrap();
    let named: BTreeSet<&str> =
        page.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 1).collect();
    let named: BTreeSet<&str> = named.into_iter().filter(|name| *name != "copy_file_range").collect();
    let tests = include_str!("promises.rs").split("#[test]\nfn ").skip(1).map(|rest| rest.split('(').next().unwrap());
    let tests: BTreeSet<&str> =
        tests.filter(|name| *name != "the_page_and_these_tests_name_the_same_promises").collect();
    assert_eq!(named, tests);
}
