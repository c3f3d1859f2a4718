//! CPUs and limits.

use handover::syscall::{Errno, Plain, getcpu, getrlimit, getrusage, gettid, prlimit, sched_getaffinity, sched_setaffinity, sched_yield};

use crate::place::assert_refused;

covered! {
    sched_setaffinity: answers[keeps_a_thread_on_one_cpu], refuses[keeps_no_thread_on_no_cpu];
    sched_getaffinity: answers[knows_some_cpus], refuses[knows_no_cpus_of_no_thread];
    sched_yield: answers[gives_way];
    getcpu: answers[knows_a_cpu_that_there_is];
    getrusage: answers[knows_what_was_used], refuses[knows_nothing_of_whom_nobody_is];
    getrlimit: answers[knows_the_limit_of_descriptors], refuses[knows_no_limit_of_nothing];
    prlimit: answers[sets_a_limit_and_gives_the_old_one], refuses[raises_no_limit_beyond_itself];
}

const NOFILE: u32 = libc::RLIMIT_NOFILE;

fn cpus(set: &libc::cpu_set_t) -> Vec<usize> {
    // SAFETY: it looks at the set, which has as many bits.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, set) }).collect()
}

/// Every test has a thread of its own.
fn keeps_a_thread_on_one_cpu() {
    let last = *cpus(&sched_getaffinity(0).unwrap()).last().unwrap();
    let mut only = libc::cpu_set_t::zeroed();
    // SAFETY: it sets a bit of the set, which has as many.
    unsafe { libc::CPU_SET(last, &mut only) };
    sched_setaffinity(gettid().unwrap(), &only).unwrap();
    assert_eq!(cpus(&sched_getaffinity(0).unwrap()), [last]);
    assert_eq!(getcpu().unwrap()[0] as usize, last);
}

fn keeps_no_thread_on_no_cpu() {
    assert_refused(sched_setaffinity(0, &libc::cpu_set_t::zeroed()), Errno::EINVAL);
}

fn knows_some_cpus() {
    assert!(!cpus(&sched_getaffinity(0).unwrap()).is_empty());
}

fn knows_no_cpus_of_no_thread() {
    assert_refused(sched_getaffinity(i32::MAX), Errno::ESRCH);
}

fn gives_way() {
    sched_yield().unwrap();
}

fn knows_a_cpu_that_there_is() {
    let [cpu, _node] = getcpu().unwrap();
    assert!(cpus(&sched_getaffinity(0).unwrap()).contains(&(cpu as usize)));
}

fn knows_what_was_used() {
    let usage = getrusage(libc::RUSAGE_SELF).unwrap();
    assert!(usage.ru_maxrss > 0 && usage.ru_minflt > 0, "{usage:?}");
}

fn knows_nothing_of_whom_nobody_is() {
    assert_refused(getrusage(99), Errno::EINVAL);
}

fn knows_the_limit_of_descriptors() {
    let limit = getrlimit(NOFILE).unwrap();
    assert!(limit.rlim_cur > 0 && limit.rlim_cur <= limit.rlim_max);
}

fn knows_no_limit_of_nothing() {
    assert_refused(getrlimit(99), Errno::EINVAL);
}

fn sets_a_limit_and_gives_the_old_one() {
    let core = libc::RLIMIT_CORE;
    let before = getrlimit(core).unwrap();
    let lower = libc::rlimit { rlim_cur: 0, rlim_max: before.rlim_max };
    let old = prlimit(0, core, Some(&lower)).unwrap();
    assert_eq!((old.rlim_cur, old.rlim_max), (before.rlim_cur, before.rlim_max));
    assert_eq!(prlimit(std::process::id() as i32, core, Some(&before)).unwrap().rlim_cur, 0);
    assert_eq!(prlimit(0, core, None).unwrap().rlim_cur, before.rlim_cur);
}

fn raises_no_limit_beyond_itself() {
    let beyond = libc::rlimit { rlim_cur: 2, rlim_max: 1 };
    assert_refused(prlimit(0, NOFILE, Some(&beyond)), Errno::EINVAL);
    assert_refused(prlimit(i32::MAX, NOFILE, None), Errno::ESRCH);
}
