//! How many threads does the system let this process have, and how many may run at a time?
//!
//! Two limits are read when a runtime starts: `RLIMIT_NPROC` (getrlimit(2): threads of the user, not enforced for root), and `pids.max` of the process's cgroup and all above it
//! (cgroups(7): tasks of the group). Both are shared with others, so this is a bound, not a promise: a thread may be refused all the same, and the monitor then tries again.

use std::fs;
use std::io;
use std::path::Path;

/// The most threads that may be started now; `None` if nothing limits them.
pub(crate) fn threads_left() -> Option<usize> {
    let by_group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|groups| pids_left(&groups, Path::new("/sys/fs/cgroup")));
    [by_user(), by_group].into_iter().flatten().min()
}

/// The CPUs that the calling thread may run on (sched_getaffinity(2)). A cgroup's quota is no part of it: it limits time, not how many run at once. Where it cannot be found out (more than 1,024 CPUs), as many as
/// anybody asks for.
pub(crate) fn cpus() -> usize {
    // SAFETY: cpu_set_t is plain data; all-zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` outlives the call, and its size is given.
    let refused = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if refused != 0 {
        return usize::MAX;
    }
    // SAFETY: `set` is a whole set.
    let count = unsafe { libc::CPU_COUNT(&set) };
    usize::try_from(count).unwrap_or(usize::MAX).max(1)
}

/// `RLIMIT_NPROC`.
fn by_user() -> Option<usize> {
    // SAFETY: geteuid takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        return None;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NPROC, &raw mut limit) } != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "RLIMIT_NPROC is not to be had");
        return None;
    }
    (limit.rlim_cur != libc::RLIM_INFINITY).then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

/// What the tightest of the process's cgroups leaves. `groups` is /proc/self/cgroup, `mounted` where the hierarchies are: version 2 itself, version 1 in its folder `pids`.
fn pids_left(groups: &str, mounted: &Path) -> Option<usize> {
    groups
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let root = match controllers {
                "" if number == "0" => mounted.to_path_buf(),
                _ if controllers.split(',').any(|name| name == "pids") => mounted.join("pids"),
                _ => return None,
            };
            tightest(&root, Path::new(path.trim_start_matches('/')))
        })
        .min()
}

/// The group at `path` below `root`, and all above it. In a container the path may be the host's and lead nowhere: then only the root counts.
fn tightest(root: &Path, path: &Path) -> Option<usize> {
    path.ancestors().filter_map(|group| left_in(&root.join(group))).min()
}

fn left_in(group: &Path) -> Option<usize> {
    let read = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<usize>().ok();
    // "max" is no number, and no limit.
    Some(read("pids.max")?.saturating_sub(read("pids.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("handover-limits-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn group(&self, path: &str, max: &str, current: &str) {
            let group = self.0.join(path);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("pids.max"), format!("{max}\n")).unwrap();
            fs::write(group.join("pids.current"), format!("{current}\n")).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn the_tightest_group_counts() {
        let folder = Folder::new("v2");
        folder.group("", "max", "900");
        folder.group("a", "500", "100");
        folder.group("a/b", "max", "50");
        assert_eq!(pids_left("0::/a/b\n", &folder.0), Some(400));
        folder.group("a/b", "60", "50");
        assert_eq!(pids_left("0::/a/b\n", &folder.0), Some(10));
        folder.group("a/b", "40", "50");
        assert_eq!(pids_left("0::/a/b\n", &folder.0), Some(0), "over its limit already");
    }

    #[test]
    fn version_1_has_a_folder_for_it() {
        let folder = Folder::new("v1");
        folder.group("pids/c", "64", "4");
        assert_eq!(pids_left("4:memory:/x\n3:pids:/c\n", &folder.0), Some(60));
        assert_eq!(pids_left("3:cpu,pids:/c\n", &folder.0), Some(60));
    }

    #[test]
    fn no_limit_is_no_number() {
        let folder = Folder::new("none");
        folder.group("a", "max", "3");
        for groups in ["0::/a", "0::/elsewhere", "3:memory:/a", "nonsense", ""] {
            assert_eq!(pids_left(groups, &folder.0), None, "{groups:?}");
        }
    }
}
