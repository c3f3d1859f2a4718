//! Does every system call of the tables do what it says, on this kernel: answer, refuse, and hold nobody up while it waits?
//!
//! Each module stands for one table, and says in its `covered!` which tests belong to which call. `listed` finds the calls that are missing there, and keeps docs/SYSCALLS.md true.

#![cfg(all(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"), target_pointer_width = "64"))]

#[path = "../support/scratch.rs"]
mod scratch;
#[path = "../support/watchdog.rs"]
mod watchdog;

#[macro_use]
mod covered;
mod attributes;
mod descriptors;
mod eintr;
mod events;
mod files;
mod io_moves;
mod listed;
mod locks;
mod memory;
mod paths;
mod place;
mod processes;
mod scheduling;
mod system;
mod waiting;
