//! Has the dashboard embedded anew when it was built anew.
#![allow(clippy::print_stdout, clippy::disallowed_macros, reason = "this is how cargo is told")]

fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
