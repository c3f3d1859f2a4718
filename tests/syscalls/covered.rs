//! Which tests cover which call?

use std::time::Duration;

use crate::watchdog::Watchdog;

const NEVER: Duration = Duration::from_secs(60);

/// The tests of one call: what they show ("answers", "refuses", "waits"), and their names.
pub(crate) struct Covered {
    pub(crate) call: &'static str,
    pub(crate) by: &'static [(&'static str, &'static [&'static str])],
}

/// Makes tests of functions, `call: answers[test, ..], refuses[test, ..], waits[test, ..];` for each call, and the list `COVERED`.
macro_rules! covered {
    ($($call:ident: $($what:ident[$($test:ident),*]),*;)*) => {
        pub(crate) const COVERED: &[crate::covered::Covered] = &[
            $(crate::covered::Covered { call: stringify!($call), by: &[$((stringify!($what), &[$(stringify!($test)),*])),*] }),*
        ];

        $(
            mod $call {
                $($(
                    #[test]
                    fn $test() {
                        crate::covered::watched(stringify!($test), super::$test);
                    }
                )*)*
            }
        )*
    };
}

/// Runs a test, and says so if it hangs.
pub(crate) fn watched(name: &str, test: fn()) {
    let _watchdog = Watchdog::start(NEVER, name, None);
    test();
}
