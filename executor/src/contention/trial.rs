//! Which way gets more done?
//!
//! Pure: polls and preemptions go in, a way and how long to keep it come out.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// How the tasks of events are spread over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spread {
    /// A thread that has nothing to do waits in epoll beside one that works, and comes for a part of what that has fetched.
    #[default]
    Several,
    /// Who has fetched events keeps them, and looks for the next ones itself; the others stay away unless much waits.
    One,
}

/// For so long one way is tried: a few of the kernel's turns, and some thousand requests.
const WINDOW: Duration = Duration::from_millis(16);
/// There and back, so that a load which grows or falls meanwhile counts for both alike.
const ORDER: [Spread; 4] = [Spread::Several, Spread::One, Spread::One, Spread::Several];
/// What one thread could do is tried with one. Less than this part of a CPU's time, and there is no need for it: whoever waits in epoll is back at once, and calls that block have their threads.
const LEAST_LOAD: f64 = 0.75;
/// More, and it is work for several.
const MOST_LOAD: f64 = 1.25;
/// If a call was handed off for so many polls or fewer, who has the events is out in calls all the time, and somebody else must come for them: that is work for several, too. (`mixed` has one for three polls; to try one
/// thread there cost 2 to 5 % of its requests.)
const POLLS_OF_A_CALL: u64 = 8;
/// With fewer polls than this in a window nothing can be said.
const FEWEST_POLLS: u64 = 50;
/// Nor yet if one window of the same way saw so many times as much done as the other: the load changes (clients connect, say), or the machine is not ours alone. Then there and back again, until the sums agree, or so often.
const UNSTEADY: f64 = 1.5;
const MOST_ROUNDS: u32 = 4;
/// One thread is the choice if it gets so much of the others' done: it makes fewer switches, and what it has fetched never waits for a thread that waits for a CPU. Servers that are better off with
/// one have 0.97 to 1.2, one whose tasks make calls 0.74 to 0.94 (`mixed`).
const ENOUGH: f64 = 0.92;
/// After a trial that said nothing, for its threads would not have been preempted or had too little to do, the next one may begin so much later, and twice as much each time. Also how often it is looked at what one thread has to do.
const PAUSE: Duration = Duration::from_millis(128);
/// A verdict holds for so long, and four times as long each time that it is found again. The two windows of the other way shall take less than a hundredth of the time, or they would make the 99th
/// percentile of the latencies.
const FIRST_HOLD_OF_ONE: Duration = Duration::from_secs(4);
/// To try one thread where several are better costs some throughput, and a few milliseconds of latency if that one is held up. But a first verdict is often one of a load that has just begun.
const FIRST_HOLD_OF_SEVERAL: Duration = Duration::from_millis(250);
const LONGEST_HOLD: Duration = Duration::from_secs(16);

/// What has been counted until a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// Polls of all processors.
    pub(crate) polls: u64,
    /// Calls that went on while another thread had their processor.
    pub(crate) handoffs: u64,
    /// How often the kernel took a CPU from one of the threads.
    pub(crate) preemptions: u64,
    /// What the process has used.
    pub(crate) cpu_time: Duration,
}

/// How to go on, and when to ask again.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) spread: Spread,
    pub(crate) lasts: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Several threads; a trial begins if they are preempted.
    Watching,
    /// In this window of [`ORDER`], for so many times.
    Trying { number: usize, round: u32 },
    /// One thread, until the next trial.
    Alone { until: Instant },
}

/// What was done in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    polls: u64,
    handoffs: u64,
    preemptions: u64,
    cpu_time: Duration,
    time: Duration,
}

impl AddAssign for Done {
    fn add_assign(&mut self, more: Self) {
        self.polls += more.polls;
        self.handoffs += more.handoffs;
        self.preemptions += more.preemptions;
        self.cpu_time += more.cpu_time;
        self.time += more.time;
    }
}

impl Done {
    /// Polls a second.
    fn rate(&self) -> f64 {
        self.polls as f64 / self.time.as_secs_f64()
    }

    /// Of a CPU's time.
    fn load(&self) -> f64 {
        self.cpu_time.as_secs_f64() / self.time.as_secs_f64()
    }

    /// Whether it is what one thread can do, and at least the part `least` of that.
    fn is_for_one(&self, least: f64) -> bool {
        (least..MOST_LOAD).contains(&self.load()) && self.handoffs * POLLS_OF_A_CALL < self.polls.max(1)
    }
}

/// Finds out from time to time which way gets more done.
///
/// ```text
///                             .-- unsteady --.
///                             v              |
///   Watching -- preempted --> Trying 0, 1, 2, 3 -- one does as much --> Alone
///      ^                        |            ^                            |
///      `-- several do more, ----'            `-- the hold is over --------'
///          nothing can be said,
///          nobody asked for long
/// ```
#[derive(Debug)]
pub(crate) struct Trial {
    parallelism: u64,
    phase: Phase,
    last: Seen,
    /// Of all rounds of this trial together.
    windows: [Done; ORDER.len()],
    verdict: Option<Spread>,
    hold: Duration,
    pause: Duration,
}

impl Trial {
    /// For threads of which `parallelism` can run at once, and of which nothing has been seen before `now`.
    pub(crate) fn new(parallelism: usize, now: Instant) -> Self {
        Self {
            parallelism: parallelism as u64,
            phase: Phase::Watching,
            last: Seen { at: now, polls: 0, handoffs: 0, preemptions: 0, cpu_time: Duration::ZERO },
            windows: [Done::default(); ORDER.len()],
            verdict: None,
            hold: Duration::ZERO,
            pause: PAUSE,
        }
    }

    /// What has been seen by the time that the last step was to last, or later.
    pub(crate) fn step(&mut self, seen: Seen) -> Step {
        let before = std::mem::replace(&mut self.last, seen);
        let window = Done {
            polls: seen.polls.saturating_sub(before.polls),
            handoffs: seen.handoffs.saturating_sub(before.handoffs),
            preemptions: seen.preemptions.saturating_sub(before.preemptions),
            cpu_time: seen.cpu_time.saturating_sub(before.cpu_time),
            time: seen.at.saturating_duration_since(before.at),
        };
        match self.phase {
            Phase::Watching if self.is_contended(window) => self.begin(),
            Phase::Watching => self.watch(WINDOW),
            // Nobody asked for long, so for most of it nothing was to be done.
            Phase::Trying { .. } if window.time > 2 * WINDOW => self.watch(WINDOW),
            Phase::Trying { number, round } => self.tried(number, round, window),
            Phase::Alone { until } if seen.at >= until => self.begin(),
            // Far from what it was when that was found to be better: half of the least, since who is alone may use less.
            Phase::Alone { .. } if !window.is_for_one(LEAST_LOAD / 2.0) => self.watch(WINDOW),
            Phase::Alone { until } => Step { spread: Spread::One, lasts: PAUSE.min(until - seen.at) },
        }
    }

    /// Whether threads were preempted, one for each that can run at once in [`WINDOW`], with what one of them could do.
    fn is_contended(&self, done: Done) -> bool {
        done.preemptions as f64 >= self.parallelism as f64 * done.time.div_duration_f64(WINDOW) && done.is_for_one(LEAST_LOAD)
    }

    fn watch(&mut self, lasts: Duration) -> Step {
        self.phase = Phase::Watching;
        Step { spread: Spread::Several, lasts }
    }

    fn begin(&mut self) -> Step {
        self.windows = Default::default();
        self.try_window(0, 1)
    }

    fn try_window(&mut self, number: usize, round: u32) -> Step {
        self.phase = Phase::Trying { number, round };
        Step { spread: ORDER[number], lasts: WINDOW }
    }

    fn tried(&mut self, number: usize, round: u32, window: Done) -> Step {
        self.windows[number] += window;
        if number + 1 < ORDER.len() {
            return self.try_window(number + 1, round);
        }
        let [mut several, _, _, last] = self.windows;
        several += last;
        // Whoever is alone is seldom preempted: so it must be seen again and again whether the others would be.
        match judge(&self.windows) {
            Judgement::TooLittle => self.give_up(),
            _ if !self.is_contended(several) => self.give_up(),
            Judgement::Unsteady(_) if round < MOST_ROUNDS => self.try_window(0, round + 1),
            Judgement::Unsteady(verdict) | Judgement::Steady(verdict) => self.settle(verdict),
        }
    }

    fn settle(&mut self, verdict: Spread) -> Step {
        self.pause = PAUSE;
        let again = self.verdict.replace(verdict) == Some(verdict);
        self.hold = match verdict {
            _ if again => (self.hold * 4).min(LONGEST_HOLD),
            Spread::One => FIRST_HOLD_OF_ONE,
            Spread::Several => FIRST_HOLD_OF_SEVERAL,
        };
        if verdict == Spread::Several {
            return self.watch(self.hold);
        }
        self.phase = Phase::Alone { until: self.last.at + self.hold };
        Step { spread: Spread::One, lasts: PAUSE }
    }

    fn give_up(&mut self) -> Step {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_HOLD);
        self.watch(pause)
    }
}

/// Which way got more done, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    TooLittle,
    /// Windows of the same way differ much.
    Unsteady(Spread),
    Steady(Spread),
}

/// The windows are those of [`ORDER`].
fn judge(windows: &[Done; ORDER.len()]) -> Judgement {
    let [several, one, one_again, several_again] = windows.map(|window| window.rate());
    let is_steady = |first: f64, second: f64| first.max(second) < UNSTEADY * first.min(second);
    if windows.iter().any(|window| window.polls < FEWEST_POLLS) {
        return Judgement::TooLittle;
    }
    let better = if one + one_again >= ENOUGH * (several + several_again) { Spread::One } else { Spread::Several };
    if is_steady(several, several_again) && is_steady(one, one_again) { Judgement::Steady(better) } else { Judgement::Unsteady(better) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load on four processors that is asked after each step, and what it gets done in a window.
    struct Load {
        trial: Trial,
        seen: Seen,
        step: Step,
        several: u64,
        one: u64,
        handoffs: u64,
        preemptions: u64,
        load: f64,
    }

    impl Load {
        fn new(several: u64, one: u64) -> Self {
            let now = Instant::now();
            let seen = Seen { at: now, polls: 0, handoffs: 0, preemptions: 0, cpu_time: Duration::ZERO };
            Self {
                trial: Trial::new(4, now),
                seen,
                step: Step { spread: Spread::Several, lasts: WINDOW },
                several,
                one,
                handoffs: 0,
                preemptions: 8,
                load: 1.0,
            }
        }

        /// The next step, asked for when the last one is over.
        fn go_on(&mut self) -> Step {
            self.go_on_after(self.step.lasts)
        }

        fn go_on_after(&mut self, time: Duration) -> Step {
            let windows = time.div_duration_f64(WINDOW) as u64;
            let (polls, preemptions) = match self.step.spread {
                Spread::Several => (self.several, self.preemptions),
                Spread::One => (self.one, 0),
            };
            self.seen.at += time;
            self.seen.cpu_time += time.mul_f64(self.load);
            self.seen.polls += polls * windows;
            self.seen.handoffs += self.handoffs * windows;
            self.seen.preemptions += preemptions * windows;
            self.step = self.trial.step(self.seen);
            self.step
        }

        /// What comes of the next trial, if that is steady.
        fn verdict(&mut self) -> Spread {
            self.go_on_until_window(3);
            self.go_on().spread
        }

        /// Up to the first window of that number.
        fn go_on_until_window(&mut self, wanted: usize) {
            let is_there = |trial: &Trial| matches!(trial.phase, Phase::Trying { number, round: 1 } if number == wanted);
            (0..1000).find(|_| matches!(self.go_on(), Step { .. } if is_there(&self.trial))).expect("a trial");
        }

        /// How long goes by before the next trial.
        fn until_trial(&mut self) -> Duration {
            let begin = self.seen.at;
            self.go_on_until_window(0);
            self.seen.at - begin
        }

        /// Whether it stays with several.
        fn is_left_alone(&mut self) -> bool {
            (0..100).all(|_| self.go_on() == Step { spread: Spread::Several, lasts: WINDOW })
        }
    }

    #[test]
    fn both_ways_are_tried_there_and_back_and_the_better_one_is_kept() {
        let mut load = Load::new(1000, 1200);
        let tried: Vec<_> = (0..4).map(|_| load.go_on().spread).collect();
        assert_eq!(tried, ORDER);
        assert_eq!(load.go_on().spread, Spread::One);
        assert_eq!(Load::new(1000, 700).verdict(), Spread::Several);
    }

    #[test]
    fn one_thread_is_the_choice_also_if_it_gets_a_little_less_done() {
        assert_eq!(Load::new(1000, 920).verdict(), Spread::One);
        assert_eq!(Load::new(1000, 910).verdict(), Spread::Several);
    }

    #[test]
    fn a_load_that_grows_meanwhile_counts_for_both_alike() {
        let mut load = Load::new(1000, 850);
        for _ in 0..5 {
            (load.several, load.one) = (load.several + 200, load.one + 170);
            _ = load.go_on();
        }
        assert_eq!((load.step.spread, load.trial.verdict), (Spread::Several, Some(Spread::Several)));
    }

    /// Many trials of a load of which each window gets between half and one and a half times as much done; how many found one thread better, of how many.
    fn verdicts_on_a_noisy_machine(several: u64, one: u64) -> (u32, u32) {
        // xorshift64*.
        let mut state = 1_u64;
        let mut noise = std::iter::repeat_with(|| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % 1000
        });
        let (mut load, mut ones, mut all) = (Load::new(several, one), 0, 0);
        while all < 200 {
            let factor = 500 + noise.next().expect("endless");
            (load.several, load.one) = (several * factor / 1000, one * factor / 1000);
            let was_trying = matches!(load.trial.phase, Phase::Trying { .. });
            _ = load.go_on();
            if was_trying && !matches!(load.trial.phase, Phase::Trying { .. }) {
                all += 1;
                ones += u32::from(load.step.spread == Spread::One);
            }
        }
        (ones, all)
    }

    #[test]
    fn on_a_noisy_machine_it_is_tried_for_longer_and_the_better_one_is_mostly_found() {
        let (ones, all) = verdicts_on_a_noisy_machine(1000, 1200);
        assert!(ones * 4 >= all * 3, "{ones} of {all}");
        let (ones, all) = verdicts_on_a_noisy_machine(1000, 700);
        assert!(ones * 4 <= all, "{ones} of {all}");
    }

    #[test]
    fn windows_that_differ_are_tried_again_until_the_sums_agree_or_it_is_enough() {
        // One window in four sees a hundred times as much: never steady.
        let mut load = Load::new(1000, 1200);
        _ = load.until_trial();
        let mut windows = 0;
        while matches!(load.trial.phase, Phase::Trying { .. }) {
            load.several = if windows % 4 == 0 { 100_000 } else { 1000 };
            windows += 1;
            _ = load.go_on();
        }
        assert_eq!(windows, 4 * MOST_ROUNDS);
        // The load has changed once, and is steady then.
        let mut load = Load::new(1000, 1200);
        _ = load.until_trial();
        load.several = 1800;
        _ = load.go_on();
        load.several = 1000;
        let windows = (2..).find(|_| load.go_on().lasts > WINDOW);
        assert_eq!((windows, load.step.spread), (Some(8), Spread::One));
    }

    #[test]
    fn with_too_little_to_do_it_is_tried_less_and_less() {
        let mut load = Load::new(FEWEST_POLLS - 1, 60);
        let waits: Vec<_> = (0..5).map(|_| load.until_trial()).collect();
        assert!(waits[1] >= PAUSE && waits.windows(2).skip(1).all(|pair| pair[1] >= pair[0] * 3 / 2), "{waits:?}");
        (load.several, load.one) = (1000, 1200);
        assert_eq!(load.verdict(), Spread::One, "it is steady now");
    }

    #[test]
    fn threads_that_are_not_preempted_are_left_alone() {
        let mut load = Load::new(1000, 1200);
        load.preemptions = 3;
        assert!(load.is_left_alone());
    }

    #[test]
    fn what_is_little_for_one_thread_or_too_much_is_left_alone() {
        for load_of_a_cpu in [0.5, 1.9] {
            let mut load = Load::new(1000, 1200);
            load.load = load_of_a_cpu;
            assert!(load.is_left_alone(), "{load_of_a_cpu}");
        }
    }

    #[test]
    fn who_is_alone_gets_company_when_there_is_much_less_to_do_or_more() {
        for load_of_a_cpu in [0.2, 1.9] {
            let mut load = Load::new(1000, 1200);
            assert_eq!(load.verdict(), Spread::One);
            load.load = load_of_a_cpu;
            assert_eq!(load.go_on().spread, Spread::Several);
            assert!(load.is_left_alone(), "{load_of_a_cpu}");
        }
    }

    #[test]
    fn who_makes_calls_that_are_handed_off_is_left_alone_and_gets_company() {
        let mut load = Load::new(1000, 1200);
        load.handoffs = 125;
        assert!(load.is_left_alone());
        load.handoffs = 100;
        assert_eq!(load.verdict(), Spread::One, "one call in ten polls");
        load.handoffs = 200;
        assert_eq!(load.go_on().spread, Spread::Several);
        assert!(load.is_left_alone());
    }

    #[test]
    fn one_thread_is_no_longer_the_choice_when_the_others_would_not_be_preempted() {
        let mut load = Load::new(1000, 1200);
        assert_eq!(load.verdict(), Spread::One);
        load.preemptions = 0;
        assert_eq!(load.verdict(), Spread::Several);
        _ = load.go_on();
        assert!(load.is_left_alone());
    }

    #[test]
    fn a_verdict_that_is_found_again_holds_longer_and_another_one_briefly() {
        let mut load = Load::new(1000, 1200);
        assert_eq!(load.verdict(), Spread::One);
        let holds: Vec<_> = (0..4)
            .map(|_| {
                let hold = load.until_trial();
                assert_eq!(load.verdict(), Spread::One);
                hold.as_secs()
            })
            .collect();
        assert_eq!(holds, [4, 16, 16, 16]);
        load.one = 500;
        assert_eq!(load.verdict(), Spread::Several);
        assert_eq!(load.until_trial(), FIRST_HOLD_OF_SEVERAL);
    }

    #[test]
    fn too_few_polls_or_a_pause_give_no_verdict() {
        assert_eq!(Load::new(FEWEST_POLLS - 1, 60).verdict(), Spread::Several);
        let mut load = Load::new(1000, 1200);
        assert_eq!((load.go_on().spread, load.go_on().spread), (Spread::Several, Spread::One));
        assert_eq!(load.go_on_after(3 * WINDOW), Step { spread: Spread::Several, lasts: WINDOW });
    }
}
