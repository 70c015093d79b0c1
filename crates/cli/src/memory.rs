//! Tells the C library's allocator to give large buffers back. Packs and folds of the log are allocated and freed by many threads;
//! left alone, glibc raises its own threshold and keeps them in its arenas, and the daemon's memory doubles.

/// Allocations from this size on are mapped, and unmapped when they are freed.
const MAPPED_FROM_BYTES: i32 = 256 << 10;
const ARENAS_MAX: i32 = 2;

/// Call it once, before there are threads.
#[allow(unsafe_code, reason = "the only way to reach the allocator's settings")]
pub fn give_back_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets numbers inside the allocator; it is called before any other thread exists.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS_MAX);
    }
}
